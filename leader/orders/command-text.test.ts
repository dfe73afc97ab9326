import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandText } from './command-text.ts';

test('a command is shown as it would be typed', () => {
  expect(commandText({ kind: 'argv', argv: ['npm', 'run', 'a b', "it's", ''] })).toBe(
    `npm run 'a b' 'it'\\''s' ''`,
  );
  expect(commandText({ kind: 'script', script: 'echo "$1"', args: ['x'] })).toBe(`-c 'echo "$1"' -- x`);
  expect(commandText({ kind: 'script', script: 'pwd' })).toBe('-c pwd');
});

test('it is one line without control characters', () => {
  expect(commandText({ kind: 'argv', argv: ['a\nb', '\x1b[2J'] })).toBe('"a\\nb" "\\u001b[2J"');
});

test('a shell reads back the words it was made of', () => {
  const word = fc
    .string({ unit: 'grapheme', minLength: 0, maxLength: 12 })
    .map(text => text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, ''));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), argv => {
      const script = `printf '%s\\n' ${commandText({ kind: 'argv', argv })}`;
      const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
      expect(stdout).toBe(`${argv.join('\n')}\n`);
    }),
    { numRuns: 30 },
  );
});
