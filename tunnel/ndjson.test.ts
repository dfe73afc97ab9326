import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeLines, encodeLine, readLines } from './ndjson.ts';

async function* chunks(...parts: (string | Uint8Array)[]) {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part;
}

async function collect(source: AsyncIterable<string>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of source) lines.push(line);
  return lines;
}

test('values come back however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.json()), fc.integer({ min: 1, max: 7 }), async (texts, size) => {
      const values = texts.map(text => JSON.parse(text) as unknown);
      const bytes = Buffer.from(values.map(encodeLine).join(''));
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        // A plain Uint8Array, as other sources than Node's give it.
        Uint8Array.from(bytes.subarray(index * size, (index + 1) * size)),
      );
      const lines = await collect(decodeLines(chunks(...parts)));
      expect(lines.map(line => JSON.parse(line) as unknown)).toEqual(values);
    }),
  );
});

test('lines as bytes keep their line break, and get one at the end', async () => {
  const lines: string[] = [];
  for await (const line of readLines(chunks('1\n2', '2\n\n', '3'))) lines.push(line.toString());
  expect(lines).toEqual(['1\n', '22\n', '3\n']);
});

test('empty lines are skipped; a last line needs no line break', async () => {
  expect(await collect(decodeLines(chunks('\n\n1\n', '\n', '2')))).toEqual(['1', '2']);
});

test('what a broken source left of a line is no line', async () => {
  async function* broken() {
    yield Buffer.from('1\n{"half":');
    throw new Error('reset');
  }
  const seen: string[] = [];
  const reading = (async () => {
    for await (const line of decodeLines(broken())) seen.push(line);
  })();
  await expect(reading).rejects.toThrow('reset');
  expect(seen).toEqual(['1']);
});

test.each([
  ['in one chunk', ['xxxxx\n']],
  ['over chunks', ['xxx', 'xx\n']],
  ['without an end', ['xx', 'xx', 'x']],
])('a line that is too long %s', async (_, parts) => {
  await expect(collect(decodeLines(chunks(...parts), 4))).rejects.toMatchObject({
    code: 'AW_FRAME_TOO_LARGE',
  });
  expect(await collect(decodeLines(chunks('xxxx\nyyyy'), 4))).toEqual(['xxxx', 'yyyy']);
});
