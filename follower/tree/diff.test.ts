/** What is to be done, against a model of a disk that keeps names as they are given but takes some for one another. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Capabilities, Change } from '../../contract/trees.ts';
import { difference } from './diff.ts';
import { foldedName } from './fold.ts';
import { type DirectoryNode, directory, nodeAt, stub, type TreeNode } from './node.ts';
import { project } from './project.ts';

const MACOS: Capabilities = {
  caseSensitive: false,
  normalizationSensitive: false,
  executable: true,
  symlinks: true,
  windowsNames: false,
  nameUnit: 'utf16',
};

const file = (content: string): TreeNode => ({
  kind: 'file',
  size: content.length,
  sha256: Buffer.from(content.padEnd(32, '.')).toString('hex'),
  executable: false,
});

type Disk = Map<string, Disk | TreeNode>;

function disk(tree: DirectoryNode): Disk {
  return new Map(
    [...tree.children].map(([name, node]) => [name, node.kind === 'directory' ? disk(node) : node]),
  );
}

function treeOn(place: Disk): DirectoryNode {
  return directory(
    [...place].map(([name, there]): [string, TreeNode] => [
      name,
      there instanceof Map ? treeOn(there) : there,
    ]),
  );
}

/** The directory a path is in, each name in any spelling, and its own name as it stands there, if it does. */
function find(root: Disk, path: string): { place: Disk; name: string; spelling: string | undefined } {
  const names = path.split('/');
  const name = names.pop()!;
  const place = names.reduce((at, step) => at.get(spellingIn(at, step) ?? '') as Disk, root);
  return { place, name, spelling: spellingIn(place, name) };
}

function spellingIn(place: Disk, name: string): string | undefined {
  return [...place.keys()].find(each => foldedName(each) === foldedName(name));
}

/** @throws for a step that only a disk that tells all names apart could take */
function act(root: Disk, change: Change, actual: DirectoryNode): void {
  if (change.op === 'respell' || change.op === 'move') {
    const from = find(root, change.from);
    const there = from.place.get(from.spelling!)!;
    from.place.delete(from.spelling!);
    const to = find(root, change.to);
    if (to.spelling !== undefined) throw new Error(`${to.spelling} is in the way of ${change.to}`);
    to.place.set(to.name, there);
    return;
  }
  const { place, name, spelling } = find(root, change.path);
  if (change.op === 'remove') {
    if (spelling === undefined) throw new Error(`${change.path} is gone`);
    place.delete(spelling);
    return;
  }
  if (spelling !== undefined && spelling !== name) throw new Error(`${name} is called ${spelling}`);
  const isDirectory = place.get(name) instanceof Map;
  if (isDirectory) throw new Error(`${change.path} is a directory`);
  if (change.op === 'mkdir') place.set(name, new Map());
  else if (change.op === 'write') {
    const { size, sha256, executable } = change;
    place.set(name, { kind: 'file', size, sha256, executable });
  } else throw new Error(`${change.op} of ${nodeAt(actual, change.path)?.kind}`);
}

const name = fc.constantFrom('a', 'A', 'b', 'B', 'é', 'É', 'e\u0301', 'ß', 'ss', 'SS', 'i', 'I', '\u0131');
const { tree } = fc.letrec<{ tree: DirectoryNode; node: TreeNode }>(tie => ({
  tree: fc.dictionary(name, tie('node'), { maxKeys: 4 }).map(nodes => directory(Object.entries(nodes))),
  node: fc.oneof({ depthSize: 'small' }, fc.constantFrom('1', '2', '3').map(file), tie('tree')),
}));

test('from any tree to any other, no step meets another spelling in its way, and nothing is left to do', () => {
  fc.assert(
    fc.property(tree, tree, (before, after) => {
      const actual = project(before, MACOS).tree;
      const target = project(after, MACOS).tree;
      const place = disk(actual);
      const { changes, unknown } = difference(actual, target, true);
      expect(unknown).toEqual([]);
      for (const change of changes) act(place, change, actual);
      const result = treeOn(place);
      expect(result.digest).toBe(target.digest);
      expect(difference(result, target, true).changes).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test('a directory that has to be known first is named as it is called there', () => {
  const actual = directory([['Dir', directory([['Sub', stub('1'.repeat(64), false)]])]]);
  const target = directory([['dir', directory([['sub', directory([['a', file('1')]])]])]]);
  const { changes, unknown } = difference(actual, target, true);
  expect(unknown).toEqual(['Dir/Sub']);
  expect(changes).toMatchObject([
    { op: 'respell', from: 'Dir', to: 'dir' },
    { op: 'respell', from: 'dir/Sub', to: 'dir/sub' },
  ]);
});
