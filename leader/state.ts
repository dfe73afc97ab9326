/** Where the leader keeps what must outlive it. All of it is for its owner's eyes only. */
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { AwError, show } from '../contract/errors.ts';

/** `AW_STATE_DIR`, else the user's data directory. */
export function stateRoot(env: NodeJS.ProcessEnv = process.env): string {
  return env.AW_STATE_DIR || envPaths('agents-workflow', { suffix: '' }).data;
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
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
    return path;
  } catch (error) {
    throw diskError(path, error);
  }
}

/**
 * Replaces the file as one step: a reader, or a crash, sees the old content or the new. Mode 0600.
 * @throws AW_DISK
 */
export function writeWhole(path: string, content: string): void {
  const draft = `${path}.${process.pid}.draft`;
  try {
    const file = openSync(draft, 'w', 0o600);
    try {
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw diskError(path, error);
  }
}

export function diskError(path: string, error: unknown) {
  const { code, message } = error as NodeJS.ErrnoException;
  return new AwError('AW_DISK', { path: show(path, 4096), reason: code ?? message }, { cause: error });
}
