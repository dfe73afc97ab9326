/**
 * A tree of files as data: what a scan found, what a snapshot holds, what a follower is to have. Every directory carries the
 * digest of all below it, so that equal trees are known by one comparison and unequal ones by a descent (a Merkle tree).
 */
import { createHash } from 'node:crypto';
import { compareUtf8 } from './utf8-order.ts';

export interface FileNode {
  readonly kind: 'file';
  /** Bytes. */
  readonly size: number;
  /** Of the content, in lower-case hexadecimal. */
  readonly sha256: string;
  readonly executable: boolean;
  /** Of the file that was hashed; only in a tree that was scanned. No part of what the file is. */
  readonly stamp?: Stamp;
}

/**
 * How a file looked when it was hashed: as long as it looks so, its content is the same. The change time is what no program
 * can set back; the device is left out, because a snapshot of the same files has another.
 */
export interface Stamp {
  readonly inode: number;
  /** Milliseconds, with their fraction. */
  readonly modified: number;
  readonly changed: number;
  /** When it was hashed: what was written after that within the resolution of the clock would look the same. */
  readonly hashed: number;
}

export interface LinkNode {
  readonly kind: 'symlink';
  /** As it stands in the link. */
  readonly target: string;
}

export interface DirectoryNode {
  readonly kind: 'directory';
  /** By name, in the order of the names' UTF-8 bytes. */
  readonly children: ReadonlyMap<string, TreeNode>;
  /** In lower-case hexadecimal. */
  readonly digest: string;
  /**
   * It exists on disk, but only for what is ignored in it. Such a directory is no part of the tree, and no difference to one
   * that has it either: it is kept for its ignored content and stands here so that it can be told from one that is missing.
   */
  readonly onlyIgnored: boolean;
  /** Only its digest is known; `children` is empty. */
  readonly isStub?: true;
}

export type TreeNode = FileNode | LinkNode | DirectoryNode;

/** @param children in any order, each name once */
export function directory(
  children: Iterable<readonly [string, TreeNode]>,
  onlyIgnored = false,
): DirectoryNode {
  const sorted = [...children].sort(([one], [other]) => compareUtf8(one, other));
  const lines = sorted.filter(([, node]) => isPart(node)).map(([name, node]) => childLine(name, node));
  const digest = createHash('sha256').update(lines.join('')).digest('hex');
  return { kind: 'directory', children: new Map(sorted), digest, onlyIgnored };
}

export function stub(digest: string, onlyIgnored: boolean): DirectoryNode {
  return { kind: 'directory', children: new Map(), digest, onlyIgnored, isStub: true };
}

/** Whether the node counts: in the digest of its directory, and as something that has to be there. */
export function isPart(node: TreeNode): boolean {
  return node.kind !== 'directory' || !node.onlyIgnored;
}

/** Names hold neither NUL nor, as they are text, a half of a character: no two directories have the same lines. */
function childLine(name: string, node: TreeNode): string {
  switch (node.kind) {
    case 'file':
      return `f${node.executable ? 'x' : '-'} ${node.size} ${node.sha256} ${name}\0`;
    case 'symlink':
      return `l ${Buffer.byteLength(node.target)} ${node.target} ${name}\0`;
    case 'directory':
      return `d ${node.digest} ${name}\0`;
  }
}

export function sameNode(one: TreeNode, other: TreeNode): boolean {
  if (one.kind === 'file' && other.kind === 'file') {
    return one.sha256 === other.sha256 && one.size === other.size && one.executable === other.executable;
  }
  if (one.kind === 'symlink' && other.kind === 'symlink') return one.target === other.target;
  return one.kind === 'directory' && other.kind === 'directory' && one.digest === other.digest;
}

/** Every node below `root` with its path from there, parents first, in canonical order. `root` itself is not among them. */
export function* walk(root: DirectoryNode, at = ''): Generator<[path: string, node: TreeNode]> {
  for (const [name, node] of root.children) {
    const path = at === '' ? name : `${at}/${name}`;
    yield [path, node];
    if (node.kind === 'directory') yield* walk(node, path);
  }
}

/** The files below `root` that have one of these contents. */
export function filesWith(
  root: DirectoryNode,
  contents: { has(sha256: string): boolean },
): [path: string, file: FileNode][] {
  const found: [string, FileNode][] = [];
  // Not a generator, which would hand each file up through all directories it is in.
  const visit = (node: DirectoryNode, at: string) => {
    for (const [name, child] of node.children) {
      if (child.kind === 'directory') visit(child, `${at}${name}/`);
      else if (child.kind === 'file' && contents.has(child.sha256)) found.push([at + name, child]);
    }
  };
  visit(root, '');
  return found;
}

/** What is at a path; the root itself at ''. */
export function nodeAt(root: DirectoryNode, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const name of path === '' ? [] : path.split('/')) {
    node = node?.kind === 'directory' ? node.children.get(name) : undefined;
  }
  return node;
}

/**
 * `actual` as it compares to `target`: a directory that is there only for its ignored content is one that is there, where
 * `target` has it.
 */
export function settled(actual: DirectoryNode, target: DirectoryNode): DirectoryNode {
  const children = [...actual.children].map(([name, node]): [string, TreeNode] => {
    const wanted = target.children.get(name);
    if (node.kind !== 'directory' || wanted?.kind !== 'directory') return [name, node];
    return [name, node.onlyIgnored || node.digest !== wanted.digest ? settled(node, wanted) : node];
  });
  const isSame = !actual.onlyIgnored && children.every(([name, node]) => node === actual.children.get(name));
  return isSame || actual.isStub ? actual : directory(children);
}

/** The tree with these nodes in it, in place of what was at their paths. */
export function withNodes(
  tree: DirectoryNode,
  nodes: Iterable<readonly [path: string, node: TreeNode]>,
): DirectoryNode {
  const children = new Map(tree.children);
  const below = new Map<string, [string, TreeNode][]>();
  for (const [path, node] of nodes) {
    const end = path.indexOf('/');
    const name = end < 0 ? path : path.slice(0, end);
    if (end < 0) children.set(name, node);
    else if (below.get(name)?.push([path.slice(end + 1), node]) === undefined) {
      below.set(name, [[path.slice(end + 1), node]]);
    }
  }
  for (const [name, rest] of below) {
    const child = children.get(name);
    children.set(name, withNodes(child?.kind === 'directory' ? child : directory([]), rest));
  }
  return directory(children);
}
