import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLineSplitter, type Line } from './lines.ts';

function split(chunks: readonly string[], limit: number): Line[] {
  const splitter = createLineSplitter(limit);
  return [...chunks.flatMap(chunk => splitter.push(chunk)), ...splitter.end()];
}

/** Bytes with many line feeds and multi-byte characters, and where to cut them into chunks. */
const chunked = fc
  .tuple(
    fc.array(
      fc.constantFrom('\n', '\n', 'a', 'bc', '\xc3\xa9', '\xf0\x9f\x98\x80', '\xff', '\r\n', 'x'.repeat(9)),
    ),
    fc.array(fc.nat({ max: 200 })),
  )
  .map(([parts, cuts]) => {
    const text = parts.join('');
    const borders = [0, ...cuts.map(cut => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
    return { text, chunks: borders.slice(1).map((border, index) => text.slice(borders[index], border)) };
  });

test('lines do not depend on where the chunks end, nothing is lost, none is longer than the limit', () => {
  fc.assert(
    fc.property(chunked, fc.integer({ min: 4, max: 20 }), ({ text, chunks }, limit) => {
      const lines = split(chunks, limit);
      expect(lines).toEqual(split([text], limit));
      const whole = lines
        .map((line, index) => (index > 0 && !line.continued ? '\n' : '') + line.text)
        .join('');
      expect(whole).toBe(text.replace(/\n$/, ''));
      for (const line of lines) expect(line.text.length).toBeLessThanOrEqual(limit);
    }),
    { numRuns: 500 },
  );
});

test('no code point of valid UTF-8 is cut by the limit', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.integer({ min: 4, max: 9 }),
      (text, limit) => {
        const bytes = Buffer.from(text.replaceAll('\n', '')).toString('latin1');
        for (const line of split([bytes], limit)) {
          const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
          expect(() => decoded.decode(Buffer.from(line.text, 'latin1'))).not.toThrow();
        }
      },
    ),
  );
});

test('a long line goes out before its end is there', () => {
  const splitter = createLineSplitter(4);
  expect(splitter.push('abcdef')).toEqual([{ text: 'abcd', continued: false }]);
  expect(splitter.push('g\nh')).toEqual([{ text: 'efg', continued: true }]);
  expect(splitter.end()).toEqual([{ text: 'h', continued: false }]);
});
