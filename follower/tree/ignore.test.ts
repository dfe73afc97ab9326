/** The rules of Mutagen's default ignore syntax. */
import { describe, expect, test } from 'vitest';
import { compileIgnores, DEFAULT_IGNORES } from './ignore.ts';

describe.each<[pattern: string, path: string, kind: 'file' | 'directory', ignored: boolean]>([
  ['*.o', 'a.o', 'file', true],
  ['*.o', 'x/y/a.o', 'file', true],
  ['*.o', 'x/a.o/b', 'file', false],
  ['.*.swp', '.a.swp', 'file', true],
  ['build', 'x/build', 'file', true],
  ['build/', 'x/build', 'file', false],
  ['build/', 'x/build', 'directory', true],
  ['/build', 'build', 'file', true],
  ['/build', 'x/build', 'file', false],
  ['x/build', 'x/build', 'file', true],
  ['x/build', 'y/x/build', 'file', false],
  ['**/out', 'a/b/out', 'file', true],
  ['a/**/b', 'a/b', 'file', true],
  ['a/**/b', 'a/x/y/b', 'file', true],
  ['*.{log,tmp}', 'x/a.tmp', 'file', true],
  ['[ab].txt', 'b.txt', 'file', true],
  ['Build', 'build', 'file', false],
  ['\\*.txt', '*.txt', 'file', true],
  ['\\*.txt', 'a.txt', 'file', false],
  ['/!bang', '!bang', 'file', true],
  ['/!bang', 'other', 'file', false],
  ['+(a)', '+(a)', 'file', true],
  ['+(a)', 'aa', 'file', false],
])('%s', (pattern, path, kind, ignored) => {
  test(`${ignored ? 'ignores' : 'keeps'} the ${kind} ${path}`, () => {
    expect(compileIgnores([pattern]).ignores(path, kind === 'directory')).toBe(ignored);
  });
});

test('the last pattern that matches decides', () => {
  const ignores = (path: string, ...patterns: string[]) => compileIgnores(patterns).ignores(path, false);
  expect(ignores('a.log', '*.log', '!a.log')).toBe(false);
  expect(ignores('a.log', '!a.log', '*.log')).toBe(true);
  expect(ignores('x/keep', 'keep', '!x/keep', 'k*p')).toBe(true);
});

test('a negation takes back what is built in', () => {
  expect(compileIgnores([...DEFAULT_IGNORES, '!build/']).ignores('build', true)).toBe(false);
  expect(compileIgnores(DEFAULT_IGNORES).ignores('a/node_modules', true)).toBe(true);
});

test('version control directories are never part of a tree, whatever a pattern says', () => {
  expect(compileIgnores(['!.git']).ignores('.git', true)).toBe(true);
  expect(compileIgnores([]).ignores('sub/.git', false)).toBe(true);
});

test.each(['', '/', '!', '!/'])('%j is no pattern', pattern => {
  expect(() => compileIgnores([pattern])).toThrow(expect.objectContaining({ code: 'AW_IGNORE_PATTERN' }));
});

test('equal rules have equal digests', () => {
  expect(compileIgnores(['a', 'b']).digest).toBe(compileIgnores(['a', 'b']).digest);
  expect(compileIgnores(['a', 'b']).digest).not.toBe(compileIgnores(['b', 'a']).digest);
});
