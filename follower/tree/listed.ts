/**
 * Which directories need not be read again: as long as one looks as it did when its names were read, it has the same ones.
 * Only of its names: what each of them is now has to be looked at in any case.
 */
import { statfsSync, statSync } from 'node:fs';
import type { DirectoryNode } from './node.ts';

/** What a look at a file or directory tells. */
export interface Seen {
  dev: number;
  ino: number;
  mode: number;
  /** Bytes. */
  size: number;
  /** Milliseconds, with their fraction. */
  mtimeMs: number;
  ctimeMs: number;
}

export interface Listed {
  seen: Seen;
  /** Digest of the rules by which some of the names were ignored. */
  rules: string;
  hasIgnored: boolean;
  /** Files in it and below. */
  files: number;
}

/**
 * By `statfs`: ext, XFS, Btrfs, tmpfs, overlay, ZFS, F2FS. Each of them changes the times of a directory with its names; others
 * do not (FAT), or somebody else changes the names (networks).
 */
const FILE_SYSTEMS = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010,
]);
/** Milliseconds that such a file system may take for one moment: it has its times from a clock of at least 100 Hz. */
export const TICK = 10;

/** No part of the tree: it says nothing of another directory that is equal, and is not kept beyond this process. */
const known = new WeakMap<DirectoryNode, Listed>();

export function listedOf(node: DirectoryNode, rules: string): Listed | undefined {
  const listed = known.get(node);
  return listed?.rules === rules ? listed : undefined;
}

export function remember(node: DirectoryNode, listed: Listed): void {
  known.set(node, listed);
}

/** The device of a root whose directories may be remembered; undefined when none may. */
export function trustedDevice(root: string): number | undefined {
  // Elsewhere the numbers mean others.
  if (process.platform !== 'linux') return undefined;
  return FILE_SYSTEMS.has(statfsSync(root).type >>> 0) ? statSync(root).dev : undefined;
}

/** @param moment right before its names were read; what was changed just before that may have changed again, without a sign */
export function hasSettled({ mtimeMs, ctimeMs }: Seen, moment: number): boolean {
  return Math.max(mtimeMs, ctimeMs) < moment - TICK;
}

export function looksAsListed({ seen }: Listed, now: Seen): boolean {
  return (
    seen.ino === now.ino &&
    seen.dev === now.dev &&
    seen.mode === now.mode &&
    seen.mtimeMs === now.mtimeMs &&
    seen.ctimeMs === now.ctimeMs
  );
}
