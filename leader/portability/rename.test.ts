import fc from 'fast-check';
import { expect, test } from 'vitest';
import { windowsNameProblem } from '../../follower/path-mapping/windows-names.ts';
import { foldedName } from '../../follower/tree/fold.ts';
import { vcsAliasOf } from '../../follower/tree/protected-names.ts';
import { freeName } from './rename.ts';

const siblings = (...names: string[]) => {
  const folded = new Set(names.map(foldedName));
  return (name: string) => folded.has(name);
};

test.each([
  ['a:b', 'a-b'],
  ['what?.txt', 'what_.txt'],
  ['back\\slash', 'back_slash'],
  ['dot.', 'dot'],
  ['space ', 'space'],
  ['...', '_'],
  ['aux', 'aux_'],
  ['CON.tar.gz', 'CON_.tar.gz'],
  ['nul .txt', 'nul_.txt'],
  ['.GIT', '_.GIT'],
  ['git~1', '_git~1'],
  ['caf\ufffd', 'caf_'],
])('%j becomes %j', (name, expected) => {
  expect(freeName(name, siblings(name))).toBe(expected);
});

test('a name that others have is counted up before its extension', () => {
  expect(freeName('foo.ts', siblings('Foo.ts', 'foo.ts'))).toBe('foo-2.ts');
  expect(freeName('foo.ts', siblings('Foo.ts', 'foo.ts', 'FOO-2.TS'))).toBe('foo-3.ts');
  expect(freeName('.env', siblings('.ENV', '.env'))).toBe('.env-2');
});

test('a name that is too long keeps its extension and its characters whole', () => {
  const name = freeName(`${'\u{1f600}'.repeat(100)}.txt`, () => false)!;
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
  expect(name).toMatch(/^\u{1f600}+\.txt$/u);
  expect(freeName('a-long-one.txt', siblings('a-long-one.txt'), 9)).toBe('a-lon.txt');
  expect(freeName('x.txt', siblings('x.txt'), 4)).toBeUndefined();
});

test('whatever the name, the new one suits every system and is nobody else’s', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 });
  const hostile = fc.constantFrom(
    'con',
    'aux.',
    '.git. ',
    'git~1.',
    'a:.git',
    'LPT1 .x',
    ' . ',
    '.hg',
    'prn.:',
  );
  fc.assert(
    fc.property(fc.oneof(text, hostile), fc.array(text, { maxLength: 4 }), (name, others) => {
      const isTaken = siblings(name, ...others);
      const free = freeName(name, isTaken)!;
      expect(isTaken(foldedName(free))).toBe(false);
      expect(windowsNameProblem(free)).toBeUndefined();
      expect(vcsAliasOf(free)).toBeUndefined();
      expect(Buffer.byteLength(free)).toBeLessThanOrEqual(255);
      expect(freeName(name, isTaken)).toBe(free);
    }),
  );
});
