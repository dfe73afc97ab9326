import { randomBytes } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compressed, decompressed } from './compression.ts';

async function* cut(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
async function* failing(bytes: Uint8Array) {
  yield bytes;
  throw new Error('cut off');
}
const refused = expect.objectContaining({ code: 'AW_INVALID_REQUEST' });

describe('a body', () => {
  test.each([
    ['of nothing', Buffer.alloc(0)],
    ['of text', Buffer.from('one line again and again\n'.repeat(50_000))],
    ['of noise', randomBytes(1_000_000)],
  ])('%s comes out as it went in, however it is cut', async (_, body) => {
    for (const size of [1_000_000, 1000]) {
      const wire = await all(compressed(cut(body, size)));
      // What nothing makes smaller is hardly larger.
      expect(wire.length).toBeLessThan(body.length + 1000);
      expect((await all(decompressed(cut(wire, 333)))).equals(body)).toBe(true);
    }
  });

  test('that is cut off is not all of it', async () => {
    const wire = await all(compressed(cut(randomBytes(300_000), 1000)));
    await expect(all(decompressed(cut(wire.subarray(0, -1), 1000)))).rejects.toThrow(refused);
    await expect(all(decompressed(failing(wire.subarray(0, 100_000))))).rejects.toThrow('cut off');
    await expect(all(compressed(failing(Buffer.alloc(9))))).rejects.toThrow('cut off');
  });

  test('that is something else is refused', async () => {
    await expect(all(decompressed(cut(Buffer.from('no zstd at all'), 100)))).rejects.toThrow(refused);
  });

  test('that wants too large a window is refused', async () => {
    const params = {
      [constants.ZSTD_c_windowLog]: 27,
      [constants.ZSTD_c_compressionLevel]: 1,
      [constants.ZSTD_c_contentSizeFlag]: 0,
    };
    const wire = zstdCompressSync(Buffer.alloc(2 ** 28), { params });
    await expect(all(decompressed(cut(wire, 1000)))).rejects.toThrow(refused);
  });

  test('that has no end comes a portion at a time', async () => {
    const wire = zstdCompressSync(Buffer.alloc(2 ** 24));
    let [portions, read] = [0, 0];
    const endless = async function* () {
      for (;;) {
        read += wire.length;
        yield wire;
      }
    };
    for await (const { length } of decompressed(endless())) {
      expect(length).toBeLessThanOrEqual(64 * 1024);
      if (++portions === 20) break;
    }
    // What both ends of a stream hold, and no more.
    expect(read).toBeLessThan(1024 * 1024);
  });
});
