/** Where snapshots go that must be on the project's own file system: to the leader's own directory, or beside the project. */
import { lstatSync, mkdirSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isWithin, mountOf } from './mounts.ts';
import type { Site } from './provider.ts';

/** The directory; undefined when there is none on the project's file system but the project itself. */
export function holderOf({ project, directory, mounts }: Site): string | undefined {
  const device = mountOf(project, mounts)?.device;
  if (device === undefined) return undefined;
  const isThere = (path: string) => mountOf(path, mounts)?.device === device && !isWithin(path, project);
  if (isThere(directory)) return join(directory, 'trees');
  const parent = dirname(project);
  return isThere(parent) ? join(parent, `.aw-snapshots-${process.getuid?.()}`) : undefined;
}

/**
 * Makes it, for its owner alone. Beside the project it may lie where others write too: one that is theirs is not used.
 * @throws the system's error, or one that says whose it is
 */
export function makeHolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) {
    throw new Error(`${path} is not a directory that only its owner, this user, can enter`);
  }
}

/** Removes what is at `place`, and the directory that held it when it held nothing else. */
export async function removeHeld(place: string): Promise<void> {
  await rm(place, { recursive: true, force: true, maxRetries: 3 });
  await rmdir(dirname(place)).catch(() => {});
}
