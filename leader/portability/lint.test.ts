import { expect, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import { type DirectoryNode, directory, type TreeNode } from '../../follower/tree/node.ts';
import { lint } from './lint.ts';
import { assumed, type Profile } from './profiles.ts';

const file = (executable = false): TreeNode => ({ kind: 'file', size: 0, sha256: '', executable });

type Shape = { [name: string]: Shape | TreeNode };

function tree(shape: Shape): DirectoryNode {
  return directory(
    Object.entries(shape).map(([name, value]) => [
      name,
      typeof value.kind === 'string' ? (value as TreeNode) : tree(value as Shape),
    ]),
  );
}

const host = (name: string, os: string, workspace: string): Profile =>
  assumed(HostEntry.parse({ name, os, workspace }));
const lin = host('lin', 'linux', '/srv/p');
const mac = host('mac', 'macos', '/Users/b/p');
const win = host('win', 'windows', 'C:\\p');

const found = (shape: Shape, profiles: Profile[]) =>
  lint(tree(shape), [], profiles).map(
    ({ path, code, level, rename, hosts }) => `${level} ${path} ${code} -> ${rename} on ${hosts}`,
  );

test('each problem once, with the hosts that have it and a name that would do', () => {
  const shape = {
    'Foo.ts': file(),
    'foo.ts': file(),
    'a:b': file(),
    l: { kind: 'symlink', target: 'a' } as const,
  };
  expect(found(shape, [lin, mac, win, { ...win, host: 'win2' }])).toEqual([
    'error a:b illegal-character -> a-b on win,win2',
    'error foo.ts name-collision -> foo-2.ts on mac,win,win2',
    'error l symlink-unsupported -> undefined on win,win2',
  ]);
  expect(found(shape, [lin])).toEqual([]);
});

test('what lies below a path that is left out is found as well', () => {
  const shape = { aux: { 'x.': file(), 'X.': file() }, Dir: { a: file() }, dir: { A: file(), a: file() } };
  expect(found(shape, [win])).toEqual([
    'error aux reserved-name -> aux_ on win',
    'error aux/X. trailing-dot-or-space -> X on win',
    'error aux/x. trailing-dot-or-space -> x-2 on win',
    'error dir name-collision -> dir-2 on win',
    'error dir/a name-collision -> a-2 on win',
  ]);
});

test('a host that was asked decides itself which names are one', () => {
  const shape = { i: file(), '\u0131': file(), é: file(), 'e\u0301': file() };
  expect(found(shape, [mac])).toHaveLength(2);
  expect(found(shape, [{ ...mac, same: [['e\u0301', 'é']] }])).toEqual([
    'error é name-collision -> é-2 on mac',
  ]);
});

test('paths are measured with the workspace before them; only the first too long one is told', () => {
  const deep = { ['d'.repeat(100)]: { ['e'.repeat(100)]: { [`${'f'.repeat(60)}.txt`]: file() } } };
  const [problem] = lint(tree(deep), [], [lin, win]);
  expect(problem).toMatchObject({ code: 'path-too-long', level: 'warning', hosts: ['win'] });
  const mended = 'C:\\p'.length + 1 + problem!.path.lastIndexOf('/') + 1 + problem!.rename!.length;
  expect(mended).toBe(259);
  expect(problem!.rename).toMatch(/^f+\.txt$/);
  expect(found(deep, [{ ...win, workspace: 'C:\\' }])).toHaveLength(1);
  expect(found({ ['d'.repeat(250)]: { a: { b: file() } } }, [host('w', 'windows', 'C:\\a\\b\\c')])).toEqual([
    expect.stringMatching(/^warning d+\/a path-too-long -> undefined on w$/),
  ]);
});

test('programs are a note where nothing is marked executable', () => {
  expect(found({ run: file(true) }, [lin, win])).toEqual([
    'note run executable-unsupported -> undefined on win',
  ]);
});

test('what the scan could not tell no follower can have; no new name is given twice', () => {
  const unreadable = ['6166e9', '6166e8'].map(bytes => ({
    path: 'af\ufffd',
    code: 'name-not-utf8' as const,
    detail: `its bytes are ${bytes}`,
  }));
  const problems = lint(tree({}), unreadable, [lin, mac]);
  expect(problems.map(({ rename }) => rename)).toEqual(['af_', 'af_-2']);
  expect(problems[0]!.hosts).toEqual(['lin', 'mac']);
});
