/** What has to be done to a tree for it to become another. Pure. */
import type { Change } from '../../contract/trees.ts';
import { foldedName } from './fold.ts';
import {
  type DirectoryNode,
  directory,
  type FileNode,
  isPart,
  type LinkNode,
  sameNode,
  type TreeNode,
} from './node.ts';

export interface Difference {
  /**
   * In an order that is safe: other spellings first, so that no file is made where another spelling of its name still
   * stands, and none removed that is only to be spelt otherwise; then removals; directories from the top; moves; content.
   */
  changes: Change[];
  /** Directories of `actual` that are only stubs here and have to be known first. With any, `changes` is not complete. */
  unknown: string[];
}

/** An empty directory is sooner made than moved, and need not be empty of what is ignored. */
const EMPTY = directory([]).digest;

/** @param folds the file system takes some names of equal `foldedName` for one */
export function difference(actual: DirectoryNode, target: DirectoryNode, folds: boolean): Difference {
  const respelt: Change[] = [];
  const removed: [path: string, node: TreeNode][] = [];
  const created: [path: string, node: DirectoryNode][] = [];
  const written: Change[] = [];
  const unknown: string[] = [];

  const create = (path: string, node: TreeNode) => {
    if (node.kind === 'directory') created.push([path, node]);
    else written.push(writing(path, node));
  };
  /** @param found its path in `actual`, where a name on the way may be spelt otherwise */
  const compare = (have: DirectoryNode, want: DirectoryNode, at: string, found: string) => {
    if (sameNode(have, want) && !have.onlyIgnored) return;
    const pathOf = (name: string) => (at === '' ? name : `${at}/${name}`);
    if (have.isStub === true) return void unknown.push(found);
    const spellings = folds ? otherSpellings(have, want) : new Map<string, string>();
    const former = new Map([...spellings].map(([from, to]) => [to, from]));
    for (const [from, to] of spellings) respelt.push({ op: 'respell', from: pathOf(from), to: pathOf(to) });
    for (const [name, node] of have.children) {
      if (!want.children.has(name) && !spellings.has(name) && isPart(node))
        removed.push([pathOf(name), node]);
    }
    for (const [name, node] of want.children) {
      const path = pathOf(name);
      const spelling = former.get(name) ?? name;
      const there = have.children.get(spelling);
      if (there === undefined) create(path, node);
      else if (there.kind === 'directory' && node.kind === 'directory') {
        compare(there, node, path, found === '' ? spelling : `${found}/${spelling}`);
      } else if (there.kind === 'directory' || node.kind === 'directory') {
        removed.push([path, there]);
        create(path, node);
      } else if (!sameNode(there, node)) written.push(replacing(path, there, node));
    }
  };
  compare(actual, target, '', '');

  const { moves, gone } = pairMoves(removed, created);
  const removals = removed
    .filter(([path]) => !gone.has(path))
    .map(([path]): Change => ({ op: 'remove', path }));
  const made: Change[] = [];
  const make = (path: string, node: TreeNode) => {
    if (node.kind !== 'directory') return void written.push(writing(path, node));
    if (moves.has(path)) return;
    made.push({ op: 'mkdir', path });
    for (const [name, child] of node.children) make(`${path}/${name}`, child);
  };
  for (const [path, node] of created) make(path, node);
  const moved = [...moves].map(([to, from]): Change => ({ op: 'move', from, to }));
  return { changes: [...respelt, ...removals, ...made, ...moved, ...written], unknown };
}

/**
 * A directory that goes in one place and comes in another is moved as a whole. Only whole ones that were found at the edge of
 * the difference: what changed besides its name is written anew, from what is there.
 * @returns `moves`: from where, by destination; `gone`: the sources
 */
function pairMoves(
  removed: readonly [string, TreeNode][],
  created: readonly [string, DirectoryNode][],
): { moves: Map<string, string>; gone: Set<string> } {
  const sources = new Map<string, string>();
  for (const [path, node] of removed) {
    if (node.kind === 'directory' && isPart(node) && node.digest !== EMPTY) sources.set(node.digest, path);
  }
  const moves = new Map<string, string>();
  const gone = new Set<string>();
  for (const [path, node] of created) {
    const from = sources.get(node.digest);
    // What stands in the way of something else has to go at once.
    if (from === undefined || gone.has(from) || created.some(([other]) => other === from)) continue;
    moves.set(path, from);
    gone.add(from);
  }
  return { moves, gone };
}

function writing(path: string, node: FileNode | LinkNode): Change {
  if (node.kind === 'symlink') return { op: 'link', path, target: node.target };
  const { size, sha256, executable } = node;
  return { op: 'write', path, size, sha256, executable };
}

function replacing(path: string, there: TreeNode, node: FileNode | LinkNode): Change {
  const isModeOnly = there.kind === 'file' && node.kind === 'file' && there.sha256 === node.sha256;
  return isModeOnly ? { op: 'mode', path, executable: node.executable } : writing(path, node);
}

/** Name there -> name wanted, where only the spelling differs. Each name at most once. */
function otherSpellings(have: DirectoryNode, want: DirectoryNode): Map<string, string> {
  const free = new Map<string, string>();
  for (const name of want.children.keys()) {
    if (!have.children.has(name)) free.set(foldedName(name), name);
  }
  const result = new Map<string, string>();
  if (free.size === 0) return result;
  for (const name of have.children.keys()) {
    const key = foldedName(name);
    const wanted = free.get(key);
    if (wanted === undefined || want.children.has(name)) continue;
    result.set(name, wanted);
    free.delete(key);
  }
  return result;
}
