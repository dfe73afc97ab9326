/** What is remembered of a tree from one fence to the next, on disk: the digests of its files, and how the files looked. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type DirectoryNode, directory, type Stamp, type TreeNode } from './node.ts';

type Row =
  | [name: string, size: number, sha256: string, executable: 0 | 1, stamp: [number, number, number, number]]
  | [name: string, target: string]
  | [name: string, onlyIgnored: 0 | 1, children: Row[]];

interface Saved {
  version: 1;
  bootId: string;
  children: Row[];
}

/** Losing it costs time, and nothing else: whoever cannot write it goes on. */
export function saveTree(file: string, tree: DirectoryNode, bootId: string): void {
  const draft = `${file}.draft`;
  try {
    writeFileSync(draft, JSON.stringify({ version: 1, bootId, children: rows(tree) } satisfies Saved), {
      mode: 0o600,
    });
    renameSync(draft, file);
  } catch {
    rmSync(draft, { force: true });
  }
}

/**
 * Undefined when there is none that can be read. After another start of the machine it is not believed: what a power failure
 * leaves of a file may look as it did.
 */
export function loadTree(file: string, bootId: string): DirectoryNode | undefined {
  try {
    const saved: Saved = JSON.parse(readFileSync(file, 'utf8'));
    return saved.version === 1 && saved.bootId === bootId ? directory(saved.children.map(revive)) : undefined;
  } catch {
    return undefined;
  }
}

function rows(tree: DirectoryNode): Row[] {
  return [...tree.children].flatMap(([name, node]): Row[] => {
    if (node.kind === 'symlink') return [[name, node.target]];
    if (node.kind === 'directory') return [[name, node.onlyIgnored ? 1 : 0, rows(node)]];
    if (node.stamp === undefined) return [];
    const { inode, modified, changed, hashed } = node.stamp;
    return [[name, node.size, node.sha256, node.executable ? 1 : 0, [inode, modified, changed, hashed]]];
  });
}

function revive(row: Row): [string, TreeNode] {
  if (row.length === 2) return [row[0], { kind: 'symlink', target: row[1] }];
  if (row.length === 3) return [row[0], directory(row[2].map(revive), row[1] === 1)];
  const [name, size, sha256, executable, [inode, modified, changed, hashed]] = row;
  const stamp: Stamp = { inode, modified, changed, hashed };
  return [name, { kind: 'file', size, sha256, executable: executable === 1, stamp }];
}
