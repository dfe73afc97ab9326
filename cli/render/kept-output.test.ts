import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeptOutput, type StreamName } from './kept-output.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

const pieces = fc.array(
  fc.tuple(
    fc.constantFrom<StreamName>('stdout', 'stderr'),
    fc.string({ unit: 'binary-ascii', maxLength: 400 }),
  ),
  { maxLength: 40 },
);

test('what is kept is the beginning and the end, bounded, and what is missing is counted', () => {
  fc.assert(
    fc.property(pieces, fc.integer({ min: 300, max: 3000 }), (all, limit) => {
      const output = createKeptOutput(limit);
      for (const [stream, text] of all) output.push(stream, bytes(text));
      const { head, omitted, tail } = output.pieces();
      const whole = all.map(([, text]) => text).join('');
      const first = head.map(piece => piece.text).join('');
      const last = tail.map(piece => piece.text).join('');
      expect(whole.startsWith(first)).toBe(true);
      expect(whole.endsWith(last)).toBe(true);
      expect(first.length + omitted + last.length).toBe(whole.length);
      expect(first.length + last.length).toBeLessThanOrEqual(limit);
      if (whole.length + all.length * 64 < limit / 2) expect(omitted).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test('two streams that take turns byte by byte are held in bounded memory', () => {
  const output = createKeptOutput(64 * 1024);
  for (let index = 0; index < 500_000; index++) {
    output.push('stdout', bytes('x'));
    output.push('stderr', bytes('y'));
  }
  const { head, omitted, tail } = output.pieces();
  expect(head.length + tail.length).toBeLessThanOrEqual((64 * 1024) / 64);
  expect(omitted).toBe(1_000_000 - head.length - tail.length);
});

test('digests are equal exactly for equal streams, in whatever chunks and order the streams came', () => {
  const [a, b, c, d] = [0, 0, 0, 0].map(() => createKeptOutput(100));
  for (const text of ['o'.repeat(500), 'ut']) a!.push('stdout', bytes(text));
  a!.push('stderr', bytes('e'));
  b!.push('stderr', bytes('e'));
  b!.push('stdout', bytes(`${'o'.repeat(500)}ut`));
  c!.push('stdout', bytes(`${'o'.repeat(499)}xut`));
  c!.push('stderr', bytes('e'));
  d!.push('stdout', bytes(`${'o'.repeat(500)}ute`));
  expect(a!.digest()).toBe(b!.digest());
  expect(a!.digest()).not.toBe(c!.digest());
  expect(a!.digest()).not.toBe(d!.digest());
});
