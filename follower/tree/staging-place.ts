/** Where content waits for its tree: a directory of nobody else's, from which a rename reaches the tree. */
import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { Place } from './place.ts';
import { TEMPORARY_PREFIX } from './protected-names.ts';

/** Hidden in a root, where nothing else will do. */
export const STAGING_NAME = `${TEMPORARY_PREFIX}staging`;

/**
 * With the agent's own state, else beside the root, else in it. It is found by trying: one device can be mounted twice, and no
 * rename leads from one mount to the other.
 * @throws AW_TREE_ROOT
 */
export function stagingFor({ path, stateDir }: Pick<Place, 'path' | 'stateDir'>): string {
  let reason = '';
  for (const directory of [
    join(stateDir, 'staging'),
    join(dirname(path), `${STAGING_NAME}-${basename(path)}`),
    join(path, STAGING_NAME),
  ]) {
    try {
      makeOwn(directory);
      tryRename(directory, path);
      return directory;
    } catch (error) {
      reason = (error as NodeJS.ErrnoException).code ?? String(error);
      removeEmpty(directory);
    }
  }
  throw new AwError('AW_TREE_ROOT', { path: show(path), reason });
}

/** A link in its place was put there to mislead; in a directory of somebody else, content could become other content. */
function makeOwn(directory: string): void {
  const there = lstatSync(directory, { throwIfNoEntry: false });
  if (there?.isDirectory() === false) rmSync(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid } = lstatSync(directory);
  if (uid !== (process.getuid?.() ?? uid)) throw Object.assign(new Error(), { code: 'EPERM' });
  if (process.platform !== 'win32') chmodSync(directory, 0o700);
}

function tryRename(directory: string, root: string): void {
  const name = `${TEMPORARY_PREFIX}${randomBytes(6).toString('hex')}`;
  const [from, to] = [join(directory, name), join(root, name)];
  try {
    writeFileSync(from, '', { flag: 'wx', mode: 0o600 });
    renameSync(from, to);
  } finally {
    rmSync(from, { force: true });
    rmSync(to, { force: true });
  }
}

/** Where nothing is kept, nothing need be left. */
export function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // It is not empty, or not ours.
  }
}
