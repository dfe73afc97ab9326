/** How a file looked when its content was known, and whether it still looks so. Pure. */
import type { Stats } from 'node:fs';
import type { Seen } from './listed.ts';
import type { FileNode } from './node.ts';

/** @param hashed the time right before its content was read or written */
export function fileNode(sha256: string, stats: Stats, hashed: number, executable: boolean): FileNode {
  const stamp = { inode: stats.ino, modified: stats.mtimeMs, changed: stats.ctimeMs, hashed };
  return { kind: 'file', size: stats.size, sha256, executable, stamp };
}

/**
 * Whether what was hashed is what is there now. A file that was written just before it was hashed may have been written
 * again in the same tick of the file system's clock, with no sign of it (git's "racy" entries): it is read again.
 */
export function looksTheSame({ size, stamp }: FileNode, seen: Seen): boolean {
  return (
    stamp !== undefined &&
    size === seen.size &&
    stamp.inode === seen.ino &&
    stamp.modified === seen.mtimeMs &&
    stamp.changed === seen.ctimeMs &&
    Math.max(stamp.modified, stamp.changed) < stamp.hashed - resolutionOf(stamp.modified, stamp.changed)
  );
}

/** Milliseconds. Times without a fraction may come from a file system that has none; FAT counts in steps of two seconds. */
function resolutionOf(modified: number, changed: number): number {
  return modified % 1000 === 0 && changed % 1000 === 0 ? 2_000 : 20;
}
