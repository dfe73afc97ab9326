/** Whether a directory is safe to put a program into: nobody but its user can have made it, or can change it. */
import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Its message says what is wrong with which path. */
export class Refused extends Error {}

/** What belongs to the system, such as `.local`, may be a link or a directory that a group shares; what is ours, not. */
const OURS = 2;

/**
 * Makes the directories of `path` below `home` that are missing, for their owner only.
 * @throws Refused when one of them is a link, belongs to somebody else or can be written by others.
 */
export function ensureOwnDirectories(home: string, path: string): void {
  const names = path.split('/');
  for (const index of names.keys()) {
    const directory = join(home, ...names.slice(0, index + 1));
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (index < names.length - OURS) checkShared(directory);
    else if (isOwnDirectory(directory)) chmodSync(directory, 0o700);
  }
}

function checkShared(directory: string): void {
  const { uid, mode } = statSync(directory);
  if (uid !== process.getuid!()) throw new Refused(`${directory} belongs to another user (${uid})`);
  if ((mode & 0o002) !== 0) throw new Refused(`everybody can write to ${directory}`);
}

/**
 * False when there is nothing.
 * @throws Refused for anything but a directory of this user.
 */
export function isOwnDirectory(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (stat.isSymbolicLink()) throw new Refused(`${path} is a symbolic link`);
  if (!stat.isDirectory()) throw new Refused(`${path} is not a directory`);
  if (stat.uid !== process.getuid!()) throw new Refused(`${path} belongs to another user (${stat.uid})`);
  return true;
}
