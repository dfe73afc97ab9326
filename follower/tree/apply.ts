/**
 * Changes a tree on disk, step by step, in the order given. Each file is there whole, in its old or its new content, at every
 * moment: content is published by a rename. What one path refuses does not keep the others from theirs; whether all is as it
 * should be is for the next scan to say.
 */
import { chmodSync, constants, copyFileSync, lstatSync, rmSync, symlinkSync } from 'node:fs';
import type { Change } from '../../contract/trees.ts';
import { type DirectoryNode, nodeAt, type TreeNode, withNodes } from './node.ts';
import { makeDirectory, publish, removeDirectory, rename, unlinkFile } from './publish.ts';
import { createSafeRoot, PathError, parentOf, type SafeRoot } from './safe-path.ts';
import { PLAIN_MODE, type Staging } from './staging.ts';
import { fileNode } from './stamp.ts';

/** One step that failed. */
export interface ApplyProblem {
  path: string;
  /** The system's, such as EACCES. */
  code: string;
  reason: string;
}

export interface Applied {
  /** Steps that were done. */
  done: number;
  /** Bytes of files that were published. */
  bytes: number;
  problems: ApplyProblem[];
  /** What was brought to a path, as the next scan will find it if nobody touches it. */
  published: Map<string, TreeNode>;
}

export interface ApplyOptions {
  root: string;
  /** As it was scanned. */
  actual: DirectoryNode;
  staging: Staging;
  executable: boolean;
  /** Before each step, with its number; what it throws ends the work between two steps. */
  beforeStep?: (index: number) => void;
}

const PROGRAM_MODE = 0o777 & ~process.umask();

interface Work extends ApplyOptions {
  safe: SafeRoot;
  /** Writes to come, by their content. */
  uses: Map<string, number>;
  result: Applied;
}

export function apply(changes: readonly Change[], options: ApplyOptions): Applied {
  const result: Applied = { done: 0, bytes: 0, problems: [], published: new Map() };
  const work = { ...options, safe: createSafeRoot(options.root), uses: countUses(changes), result };
  for (const [index, change] of changes.entries()) {
    options.beforeStep?.(index);
    try {
      step(change, work);
      result.done++;
    } catch (error) {
      const { code = 'EIO', message } = error as NodeJS.ErrnoException;
      const path = change.op === 'respell' || change.op === 'move' ? change.to : change.path;
      result.problems.push({ path, code, reason: error instanceof PathError ? message : code });
    }
  }
  return result;
}

function step(change: Change, work: Work) {
  const { safe, result, staging } = work;
  switch (change.op) {
    case 'respell':
    case 'move': {
      if (change.op === 'respell' && parentOf(change.from) !== parentOf(change.to)) {
        throw new PathError('EINVAL', `${change.from} is in another directory`);
      }
      rename(safe.resolve(change.from), safe.resolve(change.to));
      safe.forget();
      const node = nodeAt(work.actual, change.from);
      if (node === undefined) break;
      result.published.set(change.to, node);
      // What comes next knows it by its new name.
      work.actual = withNodes(work.actual, [[change.to, node]]);
      break;
    }
    case 'remove': {
      const node = nodeAt(work.actual, change.path);
      if (node !== undefined) remove(change.path, node, safe);
      return safe.forget();
    }
    case 'mkdir':
      return makeDirectory(safe.resolve(change.path));
    case 'link': {
      const path = safe.resolve(change.path);
      const part = staging.partPath();
      symlinkSync(change.target, part);
      return publishPart(part, path);
    }
    case 'mode':
      return chmodSync(plainFile(safe.resolve(change.path), change.path), modeOf(change));
    case 'write':
      return write(change, work, safe.resolve(change.path));
  }
}

/** The last file of a content gets what is staged itself, the others copies of it. */
function write(change: Extract<Change, { op: 'write' }>, work: Work, absolute: string): void {
  const { path, size, sha256, executable } = change;
  const { staging, uses, result } = work;
  const left = uses.get(sha256)! - 1;
  uses.set(sha256, left);
  const staged = staging.pathOf(sha256);
  // Not after the rename: until it has been looked at, others may write there and set its time back. So it is read once more.
  const hashed = Date.now();
  if (left > 0) {
    const part = staging.partPath();
    try {
      // With its mode.
      copyFileSync(staged, part, constants.COPYFILE_FICLONE);
      if (executable) chmodSync(part, PROGRAM_MODE);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
    publishPart(part, absolute);
  } else {
    publishStaged(staged, absolute, executable);
  }
  result.bytes += size;
  result.published.set(path, fileNode(sha256, lstatSync(absolute), hashed, executable));
}

/** Where it cannot be, it stays staged as it was. */
function publishStaged(staged: string, destination: string, executable: boolean): void {
  if (executable) chmodSync(staged, PROGRAM_MODE);
  try {
    publish(staged, destination);
  } catch (error) {
    if (executable) chmodSync(staged, PLAIN_MODE);
    throw error;
  }
}

function publishPart(part: string, destination: string): void {
  try {
    publish(part, destination);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function countUses(changes: readonly Change[]): Map<string, number> {
  const uses = new Map<string, number>();
  for (const change of changes) {
    if (change.op === 'write') uses.set(change.sha256, (uses.get(change.sha256) ?? 0) + 1);
  }
  return uses;
}

/** What is ignored stays, and so do the directories it is in. */
function remove(path: string, node: TreeNode, safe: SafeRoot): void {
  const absolute = safe.resolve(path);
  if (node.kind === 'directory') {
    for (const [name, child] of node.children) remove(`${path}/${name}`, child, safe);
    removeDirectory(absolute);
  } else unlinkFile(absolute);
}

function plainFile(absolute: string, path: string): string {
  if (!lstatSync(absolute).isFile()) throw new PathError('EEXIST', `${path} is no file`);
  return absolute;
}

function modeOf({ executable }: { executable: boolean }): number {
  return executable ? PROGRAM_MODE : PLAIN_MODE;
}
