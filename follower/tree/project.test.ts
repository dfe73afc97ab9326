/** What a follower is to have: the same at every fence, whatever the order in which a tree was read. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Capabilities } from '../../contract/trees.ts';
import { foldedName } from './fold.ts';
import { type DirectoryNode, directory, type TreeNode, walk } from './node.ts';
import { project } from './project.ts';

const LINUX: Capabilities = {
  caseSensitive: true,
  normalizationSensitive: true,
  executable: true,
  symlinks: true,
  windowsNames: false,
  nameUnit: 'byte',
};
const MACOS: Capabilities = {
  ...LINUX,
  caseSensitive: false,
  normalizationSensitive: false,
  nameUnit: 'utf16',
};
const WINDOWS: Capabilities = {
  ...MACOS,
  normalizationSensitive: true,
  executable: false,
  symlinks: false,
  windowsNames: true,
};

const file = (content: string, executable = false): TreeNode => ({
  kind: 'file',
  size: content.length,
  sha256: Buffer.from(content.padEnd(32, '.')).toString('hex').slice(0, 64),
  executable,
});
/** Paths to a tree; the content of each file is its path. */
function treeOf(...paths: string[]): DirectoryNode {
  const below = new Map<string, string[]>();
  const children: [string, TreeNode][] = [];
  for (const path of paths) {
    const [name = '', ...rest] = path.split('/');
    if (rest.length === 0) children.push([name, file(path)]);
    else below.set(name, [...(below.get(name) ?? []), rest.join('/')]);
  }
  for (const [name, rest] of below) children.push([name, treeOf(...rest)]);
  return directory(children);
}
const pathsOf = (tree: DirectoryNode) => [...walk(tree)].map(([path]) => path);
const excludedOf = (tree: DirectoryNode, capabilities: Capabilities) =>
  project(tree, capabilities).excluded.map(({ path, code }) => `${path}: ${code}`);

test('a file system that tells all names apart gets the very tree', () => {
  const tree = treeOf('Foo', 'foo', 'aux', 'a:b', 'dir/x.');
  const { tree: projected, excluded } = project(tree, LINUX);
  expect(projected).toBe(tree);
  expect(excluded).toEqual([]);
});

test('of names that are one there, the first in canonical order stays; directories do not merge', () => {
  const tree = treeOf('foo', 'Foo', 'dir/a', 'Dir/b', 'caf\u00e9', 'cafe\u0301');
  expect(pathsOf(project(tree, MACOS).tree)).toEqual(['Dir', 'Dir/b', 'Foo', 'cafe\u0301']);
  expect(excludedOf(tree, MACOS)).toEqual([
    'caf\u00e9: name-collision',
    'dir: name-collision',
    'foo: name-collision',
  ]);
});

test('whether two names are one is for the file system to say', () => {
  const tree = treeOf('\u0131', 'i');
  expect(project(tree, WINDOWS, () => false).excluded).toEqual([]);
});

test('what Windows cannot have is named by its reason', () => {
  expect(excludedOf(treeOf('aux', 'nul.txt', 'a:b', 'dot.', 'sp ', 'ok', 'x/com1.log'), WINDOWS)).toEqual([
    'a:b: illegal-character',
    'aux: reserved-name',
    'dot.: trailing-dot-or-space',
    'nul.txt: reserved-name',
    'sp : trailing-dot-or-space',
    'x/com1.log: reserved-name',
  ]);
});

test.each(['.GIT', 'git~1', '.git.', '.git ', '.git::$INDEX_ALLOCATION', '.g\u200cit'])(
  '%j is kept from every follower',
  name => {
    expect(excludedOf(directory([[name, file('x')]]), LINUX)).toEqual([`${name}: git-alias`]);
  },
);

test('links and marks that cannot be there', () => {
  const link = (target: string): TreeNode => ({ kind: 'symlink', target });
  const tree = directory([
    ['run', file('x', true)],
    ['rel', link('run')],
    ['abs', link('/etc/passwd')],
  ]);
  expect(project(tree, WINDOWS).tree.children.get('run')).toMatchObject({ executable: false });
  expect(excludedOf(tree, WINDOWS)).toEqual(['abs: symlink-unsupported', 'rel: symlink-unsupported']);
  expect(excludedOf(tree, { ...WINDOWS, symlinks: true })).toEqual(['abs: symlink-target-unportable']);
  expect(project(tree, LINUX).tree).toBe(tree);
});

test('a name has as many bytes, or units, as the file system counts', () => {
  const name = '\u20ac'.repeat(100);
  expect(excludedOf(treeOf(name), LINUX)).toEqual([`${name}: name-too-long`]);
  expect(excludedOf(treeOf(name), MACOS)).toEqual([]);
});

test('no two names of a projection fold together, and projecting again changes nothing', () => {
  const name = fc.stringMatching(/^[aAbB\u00e9\u0130\u0131i\u00df]{1,3}$/);
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), names => {
      const { tree, excluded } = project(treeOf(...names), MACOS);
      const keys = [...tree.children.keys()].map(foldedName);
      expect(new Set(keys).size).toBe(keys.length);
      expect(tree.children.size + excluded.length).toBe(names.length);
      expect(project(tree, MACOS)).toEqual({ tree, excluded: [] });
      expect(project(treeOf(...names.toReversed()), MACOS).tree.digest).toBe(tree.digest);
    }),
  );
});

test.each([
  ['STRASSE', 'stra\u00dfe'],
  ['\u212a', 'k'],
  ['\u03c3', '\u03c2'],
  ['\ufb01', 'fi'],
  ['\u00e9', 'E\u0301'],
])('%s and %s may be one name', (one, other) => {
  expect(foldedName(one)).toBe(foldedName(other));
});
