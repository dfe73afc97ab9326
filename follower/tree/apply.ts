/**
 * Changes a tree on disk, step by step, in the order given. Each file is there whole, in its old or its new content, at every
 * moment: content is published by a rename. What one path refuses does not keep the others from theirs; whether all is as it
 * should be is for the next scan to say.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import type { Change } from '../../contract/trees.ts';
import { type DirectoryNode, nodeAt, type TreeNode } from './node.ts';
import { patiently } from './patience.ts';
import { createSafeRoot, PathError, type SafeRoot } from './safe-path.ts';
import { fileNode } from './scan.ts';
import type { Staging } from './staging.ts';

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
  /** Before each step; what it throws ends the work between two steps. */
  beforeStep?: (done: number) => void;
}

const FILE_MODE = 0o666 & ~process.umask();
const PROGRAM_MODE = 0o777 & ~process.umask();

export function apply(changes: readonly Change[], options: ApplyOptions): Applied {
  const result: Applied = { done: 0, bytes: 0, problems: [], published: new Map() };
  const safe = createSafeRoot(options.root);
  const uses = countUses(changes);
  for (const change of changes) {
    options.beforeStep?.(result.done);
    try {
      step(change, options, safe, uses, result);
      result.done++;
    } catch (error) {
      const { code = 'EIO', message } = error as NodeJS.ErrnoException;
      const path = change.op === 'respell' || change.op === 'move' ? change.to : change.path;
      result.problems.push({ path, code, reason: error instanceof PathError ? message : code });
    }
  }
  return result;
}

function step(
  change: Change,
  options: ApplyOptions,
  safe: SafeRoot,
  uses: Map<string, number>,
  result: Applied,
) {
  switch (change.op) {
    case 'respell':
    case 'move': {
      const from = safe.resolve(change.from);
      const to = safe.resolve(change.to);
      if (change.op === 'move') refuseToReplace(to, change.to);
      patiently(() => renameSync(from, to));
      const node = nodeAt(options.actual, change.from);
      if (node !== undefined) result.published.set(change.to, node);
      return safe.forget();
    }
    case 'remove': {
      const node = nodeAt(options.actual, change.path);
      if (node !== undefined) remove(change.path, node, safe);
      return safe.forget();
    }
    case 'mkdir':
      return makeDirectory(safe.resolve(change.path));
    case 'link': {
      const path = safe.resolve(change.path);
      const part = options.staging.partPath();
      symlinkSync(change.target, part);
      return publish(part, path, true);
    }
    case 'mode':
      return chmodSync(
        plainFile(safe.resolve(change.path), change.path),
        change.executable ? PROGRAM_MODE : FILE_MODE,
      );
    case 'write':
      return write(change, options, safe.resolve(change.path), uses, result);
  }
}

function write(
  { path, size, sha256, executable }: Extract<Change, { op: 'write' }>,
  { staging }: ApplyOptions,
  absolute: string,
  uses: Map<string, number>,
  result: Applied,
): void {
  const left = uses.get(sha256)! - 1;
  uses.set(sha256, left);
  let source = staging.pathOf(sha256);
  if (left > 0) {
    source = staging.partPath();
    copyFileSync(staging.pathOf(sha256), source, constants.COPYFILE_FICLONE);
  }
  const mode = executable ? PROGRAM_MODE : FILE_MODE;
  chmodSync(source, mode);
  const hashed = Date.now();
  publish(source, absolute, left > 0);
  result.bytes += size;
  result.published.set(path, fileNode(sha256, lstatSync(absolute), hashed, executable));
}

/** Content of its own name stays where it is when this fails; what was made for this path alone goes. */
function publish(source: string, destination: string, isPart: boolean): void {
  try {
    patiently(() => renameSync(source, destination));
  } catch (error) {
    if (isPart) rmSync(source, { force: true });
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
  if (node.kind !== 'directory') {
    patiently(() => unlinkSync(absolute));
    return;
  }
  for (const [name, child] of node.children) remove(`${path}/${name}`, child, safe);
  try {
    patiently(() => rmdirSync(absolute));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' || !lstatSync(path).isDirectory()) throw error;
  }
}

/** A rename would replace an empty directory without a word. */
function refuseToReplace(absolute: string, path: string): void {
  const there = lstatSync(absolute, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isDirectory()) throw new PathError('EEXIST', `${path} is in the way`);
  rmdirSync(absolute);
}

function plainFile(absolute: string, path: string): string {
  if (!lstatSync(absolute).isFile()) throw new PathError('EEXIST', `${path} is no file`);
  return absolute;
}
