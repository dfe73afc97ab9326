/** Where snapshots go that must be on the project's own file system: to the leader's own directory, or beside the project. */
import { lstatSync, mkdirSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isWithin, mountOf } from './mounts.ts';
import type { Site } from './provider.ts';

const TRIES = 10;

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
 * Makes a place in it, both for their owner alone. Beside the project others may write too: a holder of theirs is not used.
 * @throws the system's error, or one that says whose the holder is
 */
export function makePlace(place: string): void {
  const holder = dirname(place);
  for (let tries = 1; ; tries++) {
    makeIfMissing(holder);
    const found = lstatSync(holder);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) {
      throw new Error(`${holder} is not a directory that only its owner, this user, can enter`);
    }
    try {
      mkdirSync(place, { mode: 0o700 });
      return;
    } catch (error) {
      // Whoever removes the last of its places removes the holder.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === TRIES) throw error;
    }
  }
}

/** With all that is in it, and with its holder when that held nothing else. */
export async function removePlace(place: string): Promise<void> {
  await rm(place, { recursive: true, force: true, maxRetries: 3 });
  await rmdir(dirname(place)).catch(() => {});
}

function makeIfMissing(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
