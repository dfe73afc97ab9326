/** Parts of a tree as they cross the wire. Pure. */
import type { DirectoryDigest, ListedChild, Listing } from '../../contract/trees.ts';
import { type DirectoryNode, directory, isPart, nodeAt, stub, type TreeNode, walk } from './node.ts';

/** Children in one line, which keeps any line short. */
const PORTION = 1000;

/** Every directory that is part of a tree, the root first. */
export function* directoryDigests(tree: DirectoryNode): Generator<DirectoryDigest> {
  yield ['', tree.digest];
  for (const [path, node] of walk(tree)) {
    if (node.kind === 'directory' && isPart(node)) yield [path, node.digest];
  }
}

/** The directories of `tree` that are also in `wanted`, but with another digest: those that somebody has to know to see why. */
export function* differing(tree: DirectoryNode, wanted: ReadonlyMap<string, string>): Generator<Listing> {
  yield* below(tree, '');
  function* below(node: DirectoryNode, path: string): Generator<Listing> {
    const digest = wanted.get(path);
    if (digest === undefined || (digest === node.digest && !node.onlyIgnored)) return;
    yield* listing(path, node);
    for (const [name, child] of node.children) {
      if (child.kind === 'directory') yield* below(child, path === '' ? name : `${path}/${name}`);
    }
  }
}

export function* listing(path: string, node: DirectoryNode): Generator<Listing> {
  const children = [...node.children].map(([name, child]) => listed(name, child));
  let start = 0;
  do {
    yield { path, children: children.slice(start, start + PORTION) };
    start += PORTION;
  } while (start < children.length);
}

/** Every directory at `path` and below it. */
export function* listingsBelow(tree: DirectoryNode, path: string): Generator<Listing> {
  const node = nodeAt(tree, path);
  if (node?.kind !== 'directory') return;
  yield* listing(path, node);
  for (const [below, child] of walk(node, path)) {
    if (child.kind === 'directory') yield* listing(below, child);
  }
}

function listed(name: string, node: TreeNode): ListedChild {
  switch (node.kind) {
    case 'file':
      return [name, 'f', node.size, node.sha256, node.executable];
    case 'symlink':
      return [name, 'l', node.target];
    case 'directory':
      return [name, 'd', node.digest, node.onlyIgnored];
  }
}

/**
 * The tree that the listings are of. Where there is none, the directory is the one of `target`, if that has the same digest,
 * and a stub otherwise.
 */
export function assemble(listings: readonly Listing[], digest: string, target: DirectoryNode): DirectoryNode {
  const byPath = new Map<string, ListedChild[]>();
  for (const { path, children } of listings) byPath.set(path, [...(byPath.get(path) ?? []), ...children]);
  const build = (
    path: string,
    own: string,
    onlyIgnored: boolean,
    twin: TreeNode | undefined,
  ): DirectoryNode => {
    const rows = byPath.get(path);
    if (rows === undefined) {
      const isTwin = twin?.kind === 'directory' && twin.digest === own && !onlyIgnored;
      return isTwin ? twin : stub(own, onlyIgnored);
    }
    const children = rows.map((row): [string, TreeNode] => {
      const [name] = row;
      if (row[1] === 'f') return [name, { kind: 'file', size: row[2], sha256: row[3], executable: row[4] }];
      if (row[1] === 'l') return [name, { kind: 'symlink', target: row[2] }];
      const other = twin?.kind === 'directory' ? twin.children.get(name) : undefined;
      return [name, build(path === '' ? name : `${path}/${name}`, row[2], row[3], other)];
    });
    return directory(children, onlyIgnored);
  };
  return build('', digest, false, target);
}
