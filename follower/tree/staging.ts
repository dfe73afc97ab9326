/** Content that is to become files, kept by its digest beside the tree, on the same volume, so that a rename publishes it. */
import { randomBytes } from 'node:crypto';
import {
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

const PART = '.part';
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

export interface Staging {
  readonly directory: string;
  /** Where the content of a digest is, once it is whole. */
  pathOf(sha256: string): string;
  has(sha256: string, size: number): boolean;
  /** For something that is not whole yet: a name nobody else uses. */
  partPath(): string;
  /**
   * Takes a copy of a file if it still has this content; false when it has not.
   * @throws the system's error when there is no room
   */
  copyIn(file: string, sha256: string): boolean;
  /** Removes what is not whole, and what is whole as well, unless it is still `wanted`. */
  clear(wanted?: ReadonlySet<string>): void;
}

/**
 * Believes nothing it finds there: what is not whole goes, and so does what is not what its name says, as a power failure
 * leaves it.
 * @throws the system's error when it cannot be read
 */
export function recoverStaging(directory: string): Staging {
  const staging = openStaging(directory);
  const whole = readdirSync(directory).filter(name => isIntact(join(directory, name), name));
  staging.clear(new Set(whole));
  return staging;
}

function isIntact(file: string, sha256: string): boolean {
  try {
    return hashFile(file).sha256 === sha256;
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
  const pathOf = (sha256: string) => join(directory, sha256);
  const partPath = () => join(directory, `${own}-${parts++}${PART}`);
  return {
    directory,
    pathOf,
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
      if (!existsSync(directory)) return;
      for (const name of readdirSync(directory)) {
        if (wanted.has(name)) continue;
        try {
          rmSync(join(directory, name), { force: true, recursive: true });
        } catch {
          // Windows keeps a program that runs, which was moved here out of the way, until it ends.
        }
      }
    },
  };
}
