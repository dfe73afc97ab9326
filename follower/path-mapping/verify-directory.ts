/** The one look at a disk: whether a mapped directory is really there. For the follower only. */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';

/**
 * The physical path of a directory that this process may enter.
 *
 * Spawning in a missing directory fails with an ENOENT that names the command, so this is asked first.
 * @throws AW_CWD_MISSING saying which part is missing, is no directory, or is denied.
 */
export async function verifyDirectory(cwd: string): Promise<string> {
  try {
    if (!(await stat(cwd)).isDirectory()) throw missing(cwd, 'it is not a directory');
    await access(cwd, constants.X_OK);
    return await realpath(cwd);
  } catch (thrown) {
    if (thrown instanceof AwError) throw thrown;
    throw missing(cwd, await reasonFor(cwd, thrown as NodeJS.ErrnoException));
  }
}

function missing(cwd: string, reason: string): AwError {
  return new AwError('AW_CWD_MISSING', { cwd: show(cwd, 4096), reason });
}

async function reasonFor(cwd: string, error: NodeJS.ErrnoException): Promise<string> {
  if (error.code === 'EACCES' || error.code === 'EPERM') return 'permission denied';
  if (error.code === 'ENOTDIR') return 'one of its parents is not a directory';
  if (error.code !== 'ENOENT') return error.message;
  for (let parent = dirname(cwd), child = cwd; ; child = parent, parent = dirname(parent)) {
    if (parent === child) {
      return /^[A-Za-z]:/.test(cwd)
        ? `there is no drive ${cwd.slice(0, 2)} in this logon session (mapped drives belong to one session)`
        : 'it does not exist';
    }
    if (await isDirectory(parent))
      return child === cwd ? 'it does not exist' : `${show(child, 4096)} does not exist`;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  );
}
