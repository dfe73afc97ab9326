import fc from 'fast-check';
import { expect, test } from 'vitest';
import { forPipe, forTerminal } from './control-sequences.ts';

const bytes = (text: string) => Buffer.from(text).toString('latin1');
const shown = (text: string, colour = true) => forTerminal(bytes(text), { active: '' }, colour);

test.each([
  ['clears and moves', 'a\x1b[2J\x1b[1;1H\x1b[10A\x1b[Kb', 'ab'],
  ['window titles', 'a\x1b]0;title\x07b\x1b]2;t\x1b\\c', 'abc'],
  ['device strings', 'a\x1bPq#0\x1b\\b\x1b_apc\x1b\\c\x1b^pm\x1b\\d', 'abcd'],
  ['8-bit forms in UTF-8', 'a\u009b2Jb\u009d0;t\u009cc\u0085d', 'abcd'],
  ['saved cursors, resets, charsets', '\x1b7a\x1b8b\x1bcc\x1b(0d', 'abcd'],
  ['bells, backspaces, feeds, deletes', 'a\x07\b\x0b\x0c\x0e\x05\x7fb', 'ab'],
  ['questions to the terminal', 'a\x1b[6n\x1b[c\x1b[>cb', 'ab'],
  ['private sequences that end like colours', 'a\x1b[>4;2m\x1b[?4mb', 'ab'],
  ['colours with intermediates', 'a\x1b[0 mb', 'ab'],
  ['unfinished sequences', 'a\x1b[12', 'a12'],
  ['unfinished strings', 'a\x1b]0;title', 'a0;title'],
  ['a tab, which stays', 'a\tb', 'a\tb'],
  ['overwritten text', ' 10%\r 50%\r100%\r', '100%'],
  ['the return of a Windows line', 'dir\r', 'dir'],
  ['other scripts', 'Grüße 你好 😀', 'Grüße 你好 😀'],
])('on a terminal: %s', (_what, line, expected) => {
  expect(shown(line)).toBe(expected);
  expect(shown(line, false)).toBe(expected);
});

test('colours stay on a terminal with colours, and are closed at the end of the line', () => {
  expect(shown('\x1b[31mred\x1b[1;4mmore')).toBe('\x1b[31mred\x1b[1;4mmore\x1b[0m');
  expect(shown('\x1b[31mred', false)).toBe('red');
});

test('a colour that a line leaves on is on in the next, until it is switched off', () => {
  const state = { active: '' };
  forTerminal('\x1b[31mone', state, true);
  expect(forTerminal('two', state, true)).toBe('\x1b[31mtwo\x1b[0m');
  expect(forTerminal('\x1b[1mthree\x1b[0m', state, true)).toBe('\x1b[31m\x1b[1mthree\x1b[0m\x1b[0m');
  expect(forTerminal('four', state, true)).toBe('four');
});

test('a stream that only ever switches colours on does not make lines longer and longer', () => {
  const state = { active: '' };
  for (let line = 0; line < 1000; line++) forTerminal('\x1b[38;5;1mx', state, true);
  expect(state.active.length).toBeLessThanOrEqual(256);
});

test('bytes that are not UTF-8 become replacement characters on a terminal and stay in a pipe', () => {
  expect(forTerminal('a\xffb', { active: '' }, false)).toBe('a\ufffdb');
  expect(forPipe('a\xff\x00\x07b\r', false)).toBe('a\xff\x00\x07b\r');
});

test('a pipe gets no sequences, or only colours where they are wanted', () => {
  expect(forPipe('\x1b[31mred\x1b[2J\x1b[0m', false)).toBe('red');
  expect(forPipe('\x1b[31mred\x1b[2J\x1b[0m', true)).toBe('\x1b[31mred\x1b[0m');
});

const hostile = fc
  .array(
    fc.constantFrom(
      '\x1b',
      '\x1b[',
      '\x1b]',
      '\x1bP',
      '\xc2\x9b',
      '\xc2',
      '\x9b',
      '31',
      ';',
      'm',
      'H',
      '\x07',
      '\\',
      '\r',
      '\b',
      'x',
      '\xff',
      '8',
    ),
    { maxLength: 40 },
  )
  .map(parts => parts.join(''));

test('whatever a host prints, a terminal gets text and complete colours only', () => {
  fc.assert(
    fc.property(hostile, fc.boolean(), (line, colour) => {
      const result = forTerminal(line, { active: '' }, colour);
      const withoutColours = colour ? result.replace(/\x1b\[[0-9;:]*m/g, '') : result;
      expect(withoutColours).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
    }),
    { numRuns: 2000 },
  );
});

test('whatever a host prints, a pipe gets no escape character', () => {
  fc.assert(
    fc.property(hostile, line => !forPipe(line, false).includes('\x1b')),
    { numRuns: 1000 },
  );
});

test('work grows with the length of the line, not with its square', () => {
  const kinds = ['\x1b]', '\x1b[', '\x1b', '\x1bP\x1b]0;'];
  for (const kind of kinds) {
    // Quadratic work on a megabyte would take minutes and fail by the test's time limit.
    expect(forPipe(kind.repeat(500_000), false)).not.toContain('\x1b');
  }
});
