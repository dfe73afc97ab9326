/** Where on a follower much of a large content may be found that it does not have. */
import { LARGE_FILE } from '../../contract/limits.ts';
import type { Change } from '../../contract/trees.ts';
import { type DirectoryNode, nodeAt, walk } from './node.ts';

/**
 * The file that a content is to replace, or else, where it has no other name any more, the one of those that go whose size is
 * nearest.
 * @param missing sizes of contents, by digest
 * @returns paths in `tree`, by digest
 */
export function findBases(
  changes: readonly Change[],
  tree: DirectoryNode,
  missing: ReadonlyMap<string, number>,
): Map<string, string> {
  const bases = new Map<string, string>();
  const large = changes.filter(change => change.op === 'write' && isLarge(missing.get(change.sha256)));
  if (large.length === 0) return bases;
  const going = changes.flatMap(change => (change.op === 'remove' ? largeFiles(tree, change.path) : []));
  for (const { path, sha256, size } of large as Extract<Change, { op: 'write' }>[]) {
    const [[there] = []] = largeFiles(tree, path, false);
    const nearest = going.toSorted(([, one], [, other]) => Math.abs(one - size) - Math.abs(other - size))[0];
    const basis = there ?? nearest?.[0];
    if (basis !== undefined && !bases.has(sha256)) bases.set(sha256, basis);
  }
  return bases;
}

export function isLarge(size: number | undefined): size is number {
  return size !== undefined && size >= LARGE_FILE;
}

function largeFiles(tree: DirectoryNode, path: string, isDeep = true): [path: string, size: number][] {
  const node = nodeAt(tree, path);
  if (node?.kind === 'file') return isLarge(node.size) ? [[path, node.size]] : [];
  if (node?.kind !== 'directory' || !isDeep) return [];
  return [...walk(node, path)].flatMap(([at, each]) =>
    each.kind === 'file' && isLarge(each.size) ? [[at, each.size] as [string, number]] : [],
  );
}
