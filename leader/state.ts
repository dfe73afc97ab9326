/** Where the leader keeps what must outlive it. All of it is for its owner's eyes only. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import envPaths from 'env-paths';
import { AwError, show } from '../contract/errors.ts';

/** `AW_STATE_DIR`, else the user's data directory. Absolute: agents are told of it and have a working directory of their own. */
export function stateRoot(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.AW_STATE_DIR || envPaths('agents-workflow', { suffix: '' }).data);
}

export function runsDirectory(root: string): string {
  return join(root, 'runs');
}

/**
 * Makes the directory, with its parents, enterable by its owner only.
 * @throws AW_DISK
 */
export function makePrivateDirectory(path: string): string {
  try {
    makeDirectories(path);
    chmodSync(path, 0o700);
    return path;
  } catch (error) {
    throw diskError(path, error);
  }
}

/** Not `recursive`: that never returns where a directory that exists takes no new names, as in `/proc`. */
function makeDirectories(path: string): void {
  const make = () => {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  };
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectories(dirname(path));
    make();
  }
}

/**
 * Replaces the file as one step: a reader, or a crash, sees the old content or the new. Mode 0600. Without `sync` a crash is
 * that of a process: after a power cut the file may be incomplete; it saves the milliseconds that a disk takes.
 * @throws AW_DISK
 */
export function writeWhole(path: string, content: string, { sync = true } = {}): void {
  const draft = `${path}.${process.pid}.draft`;
  try {
    const file = openSync(draft, 'w', 0o600);
    try {
      // Not `writeSync`, which may write a part and say so in its result alone, as it does when the disk is filling up.
      writeFileSync(file, content);
      if (sync) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    removeDraft(draft);
    throw diskError(path, error);
  }
}

/** What keeps it from being removed is what kept it from being written, and is told already. */
function removeDraft(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {}
}

export function diskError(path: string, error: unknown) {
  const { code, message } = error as NodeJS.ErrnoException;
  return new AwError('AW_DISK', { path: show(path, 4096), reason: code ?? message }, { cause: error });
}
