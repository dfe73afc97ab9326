import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { CHUNK_BITS, LARGEST_CHUNK, MOST_CHUNKS } from '../../contract/limits.ts';
import { chunkBits, chunksOf, firstChunk } from './chunks.ts';

const BITS = CHUNK_BITS.least;
const AVERAGE = 2 ** BITS;

/** The same bytes for the same name. */
function bytes(name: string, length: number): Buffer {
  const made = Buffer.alloc(length);
  for (let at = 0, block = 0; at < length; block++) {
    at += createHash('sha512').update(`${name} ${block}`).digest().copy(made, at);
  }
  return made;
}

/** @param portion what one read brings, at the most */
function cut(content: Buffer, bits: number = BITS, portion = (): number => 100_000): Buffer[] {
  let at = 0;
  const read = (into: Buffer) => {
    const count = content.copy(into, 0, at, Math.min(at + portion(), content.length));
    at += count;
    return count;
  };
  return Array.from(chunksOf(read, bits), chunk => Buffer.from(chunk));
}

const digests = (chunks: Buffer[]) => chunks.map(chunk => createHash('sha256').update(chunk).digest('hex'));

const content = bytes('content', 3_000_000);
const known = new Set(digests(cut(content)));
/** Chunks that `content` does not have. */
const renewed = (now: Buffer) => digests(cut(now)).filter(digest => !known.has(digest)).length;

describe('chunks', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from('x')],
    ['just the least', bytes('least', AVERAGE / 4)],
    ['one more', bytes('least', AVERAGE / 4 + 1)],
    ['random bytes', content],
    ['nothing but zeros', Buffer.alloc(3_000_001)],
    ['one line again and again', Buffer.alloc(2_500_000, 'one line again and again\n')],
  ])('of %s are all of it, in order, within their bounds', (_, whole) => {
    const chunks = cut(whole);
    expect(Buffer.concat(chunks).equals(whole)).toBe(true);
    for (const [index, { length }] of chunks.entries()) {
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThanOrEqual(4 * AVERAGE);
      if (index < chunks.length - 1) expect(length).toBeGreaterThanOrEqual(AVERAGE / 4);
    }
  });

  test('are the same however the content is read', () => {
    let seed = 1;
    const uneven = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return 1 + (seed % 70_000);
    };
    expect(digests(cut(content, BITS, uneven))).toEqual(digests(cut(content)));
  });

  test('are cut the same in every version of this program', () => {
    expect(
      cut(content)
        .slice(0, 5)
        .map(({ length }) => length),
    ).toMatchInlineSnapshot(`
      [
        69311,
        79736,
        17584,
        38120,
        26664,
      ]
    `);
  });

  test('are of about the size that was asked for', () => {
    for (const bits of [BITS, BITS + 2]) {
      const mean = content.length / cut(content, bits).length;
      expect(mean).toBeGreaterThan(2 ** bits / 2);
      expect(mean).toBeLessThan(2 ** bits * 2);
    }
  });

  test('after an insertion, a removal or a change are others only near to it', () => {
    const counts: number[] = [];
    for (const place of [0, 17, AVERAGE, 1_234_567, 2_990_000]) {
      for (const length of [1, 1000]) {
        const [head, tail] = [content.subarray(0, place), content.subarray(place)];
        const inserted = Buffer.concat([head, bytes(`insertion ${place}`, length), tail]);
        const changed = Buffer.from(content).fill(0x55, place, place + length);
        counts.push(...[inserted, changed, Buffer.concat([head, tail.subarray(length)])].map(renewed));
      }
    }
    expect(counts.every(count => count <= 10)).toBe(true);
    expect(counts.reduce((sum, count) => sum + count) / counts.length).toBeLessThan(4);
  });

  test('do not depend on what is before the chunk, or after it', () => {
    const [first] = cut(content);
    expect(firstChunk(content.subarray(0, first!.length), BITS)).toBe(first!.length);
    expect(firstChunk(content.subarray(0, 4 * AVERAGE), BITS)).toBe(first!.length);
  });

  test('of a file of any size are so many as a list can hold', () => {
    expect(chunkBits(1)).toBe(BITS);
    for (const gib of [0.5, 5, 40]) {
      const size = gib * 2 ** 30;
      expect(size / 2 ** chunkBits(size)).toBeLessThan(MOST_CHUNKS);
    }
    expect(4 * 2 ** chunkBits(2 ** 50)).toBe(LARGEST_CHUNK);
  });
});
