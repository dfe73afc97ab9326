/** Content that is to become files, kept by its digest beside the tree, on the same volume, so that a rename publishes it. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { hashFile } from './hash-file.ts';

/** Of a file that is no program. What is staged has it: nobody else comes into the directory. */
export const PLAIN_MODE = 0o666 & ~process.umask();
const PART = '.part';
const BEGUN = '.begun';
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

export interface Staging {
  readonly directory: string;
  /** Where the content of a digest is, once it is whole. */
  pathOf(sha256: string): string;
  has(sha256: string, size: number): boolean;
  /** Where what has come of a large content waits for the rest. It is nothing but bytes until they have been compared. */
  begunPath(sha256: string): string;
  /** For something that is not whole yet: a name nobody else uses. */
  partPath(): string;
  /**
   * Takes a copy of a file if it still has this content; false when it has not.
   * @throws the system's error when there is no room
   */
  copyIn(file: string, sha256: string): boolean;
  /** Removes what is not whole, and what is whole or begun as well, unless it is still `wanted`. @returns names of what stays */
  clear(wanted?: { has(sha256: string): boolean }): string[];
}

/**
 * Believes nothing it finds there: what is not whole goes, and so does what is not what its name says, as a power failure
 * leaves it. What is begun stays: each chunk of it will be compared.
 * @throws the system's error when it cannot be read
 */
export function recoverStaging(directory: string): Staging {
  const staging = openStaging(directory);
  const good = readdirSync(directory).filter(
    name => name.endsWith(BEGUN) || isIntact(join(directory, name), name),
  );
  staging.clear(new Set(good));
  return staging;
}

function isIntact(file: string, sha256: string): boolean {
  try {
    if (hashFile(file).sha256 !== sha256) return false;
    // It may have been about to become a program.
    chmodSync(file, PLAIN_MODE);
    return true;
  } catch {
    return false;
  }
}

/** @throws the system's error when the directory cannot be made */
export function openStaging(directory: string): Staging {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Several threads have it open at once.
  const own = randomBytes(6).toString('hex');
  let parts = 0;
  const pathOf = (sha256: string) => `${directory}/${sha256}`;
  const partPath = () => join(directory, `${own}-${parts++}${PART}`);
  return {
    directory,
    pathOf,
    begunPath: sha256 => pathOf(sha256) + BEGUN,
    partPath,
    has: (sha256, size) => {
      const stats = lstatSync(pathOf(sha256), { throwIfNoEntry: false });
      return stats?.isFile() === true && stats.size === size;
    },
    copyIn: (file, sha256) => {
      const part = partPath();
      try {
        copyFileSync(file, part, constants.COPYFILE_FICLONE);
        if (hashFile(part).sha256 !== sha256) return false;
        chmodSync(part, PLAIN_MODE);
        renameSync(part, pathOf(sha256));
        return true;
      } catch (error) {
        if (NO_ROOM.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
        return false;
      } finally {
        rmSync(part, { force: true });
      }
    },
    clear: (wanted = new Set()) => {
      if (!existsSync(directory)) return [];
      return readdirSync(directory).filter(name => {
        if (wanted.has(name) || (name.endsWith(BEGUN) && wanted.has(name.slice(0, -BEGUN.length))))
          return true;
        try {
          rmSync(join(directory, name), { force: true, recursive: true });
        } catch {
          // Windows keeps a program that runs, which was moved here out of the way, until it ends.
        }
        return false;
      });
    },
  };
}
