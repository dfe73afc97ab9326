/** How single names of a tree are changed: at one stroke each. */
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { patiently } from './patience.ts';
import { TEMPORARY_PREFIX } from './protected-names.ts';
import { PathError } from './safe-path.ts';

/** Puts `source` in the place of whatever file or link is at `destination`. */
export function publish(source: string, destination: string): void {
  try {
    patiently(() => renameSync(source, destination), destination);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    publishAcross(source, destination);
  }
}

/** No rename leads into a file system that is mounted within the tree. What is left by a crash there, the next scan removes. */
function publishAcross(source: string, destination: string): void {
  const near = join(dirname(destination), TEMPORARY_PREFIX + randomBytes(6).toString('hex'));
  try {
    if (lstatSync(source).isSymbolicLink()) symlinkSync(readlinkSync(source), near);
    else copyFileSync(source, near);
    renameSync(near, destination);
    rmSync(source);
  } finally {
    rmSync(near, { force: true });
  }
}

/** Also when it is gone already. */
export function unlinkFile(path: string): void {
  try {
    patiently(() => unlinkSync(path), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Where something is left in it, which is ignored, it stays. */
export function removeDirectory(path: string): void {
  try {
    patiently(() => rmdirSync(path), path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

export function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' || !lstatSync(path).isDirectory()) throw error;
  }
}

/** A rename that replaces nothing but an empty directory; `to` may be another spelling of `from`. */
export function rename(from: string, to: string): void {
  const there = lstatSync(to, { throwIfNoEntry: false });
  // Else it is the same thing, found by another spelling. Inodes would not tell: some file systems make them up as they go.
  if (there !== undefined && readdirSync(dirname(to)).includes(basename(to))) {
    if (!there.isDirectory()) throw new PathError('EEXIST', 'something is in the way');
    rmdirSync(to);
  }
  patiently(() => renameSync(from, to), to);
}
