import { expect, test } from 'vitest';
import { firstDifference } from './difference.ts';
import { createKeptOutput, type StreamName } from './kept-output.ts';

function output(pieces: readonly [StreamName, string][], limit = 1000) {
  const kept = createKeptOutput(limit);
  for (const [stream, text] of pieces) kept.push(stream, Buffer.from(text));
  return kept;
}

const out = (text: string, limit?: number) => output([['stdout', text]], limit);

test.each([
  ['a line in the middle', 'a\nb\nc\n', 'a\nx\nc\n', { line: 2, here: 'b', there: 'x' }],
  ['the first line', 'a', 'b', { line: 1, here: 'a', there: 'b' }],
  ['the end of a line', 'a\nbc\n', 'a\nb\n', { line: 2, here: 'bc', there: 'b' }],
  ['an output that ends early', 'a\n', 'a\nb\n', { line: 2, here: undefined, there: 'b' }],
  ['a last line without its line feed', 'a\nb', 'a\nb\n', { line: 2, here: 'b', there: 'b' }],
  ['control sequences, which are not shown', '\x1b[2Ja\x1b[31m', 'b', { line: 1, here: 'a', there: 'b' }],
])('%s', (_what, here, there, expected) => {
  expect(firstDifference(out(here), out(there))).toEqual({ stream: 'stdout', ...expected });
});

test('stderr is looked at where stdout is equal, in whatever chunks they came', () => {
  const here = output(
    [...'same'].map(letter => ['stdout', letter] as [StreamName, string]).concat([['stderr', 'x\n']]),
  );
  const there = output([
    ['stderr', 'y\n'],
    ['stdout', 'same'],
  ]);
  expect(firstDifference(here, there)).toEqual({ stream: 'stderr', line: 1, here: 'x', there: 'y' });
});

test('nothing is said of what is not kept', () => {
  const long = 'x'.repeat(10_000);
  expect(firstDifference(out(`${long}a`, 500), out(`${long}b`, 500))).toBeUndefined();
  expect(firstDifference(out('x'), out(long, 500))).toMatchObject({ line: 1, here: 'x' });
});

test('equal outputs do not differ', () => {
  expect(firstDifference(out('a\n'), out('a\n'))).toBeUndefined();
});
