/** Snapshots that are copies of the tree: of its blocks, where the file system can share them between files, or of its bytes. */
import { constants } from 'node:fs';
import { chmod, copyFile, type FileHandle, mkdir, open, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { FileNode } from '../../follower/tree/node.ts';
import { fileContent } from '../fence/content.ts';
import { diskError } from '../state.ts';
import { holderOf, makeHolder, removeHeld } from './holder.ts';
import { snapshotFailed } from './program.ts';
import type { KnownTree, Provider, Site } from './provider.ts';

type CopyFile = (from: string, node: FileNode, to: string) => Promise<void>;

export const reflink: Provider = {
  name: 'reflink',
  isWhole: false,
  obstacle: async site => {
    const holder = holderOf(site);
    if (holder === undefined) return 'its file system has no directory outside of the project';
    const probe = join(holder, `.probe-${process.pid}`);
    try {
      makeHolder(holder);
      await writeFile(probe, 'x', { mode: 0o600 });
      await copyFile(probe, `${probe}.copy`, constants.COPYFILE_FICLONE_FORCE);
      return undefined;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isMissing = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'ENOTTY'].includes(code ?? '');
      return isMissing ? 'its file system does not share blocks between files' : message;
    } finally {
      await rm(`${probe}.copy`, { force: true });
      await removeHeld(probe);
    }
  },
  place: (site, id) => join(holderOf(site)!, id),
  take: (site, place, _id, tree) => copyTree(site, place, tree, shareBlocks),
  remove: removeHeld,
};

export const copy: Provider = {
  name: 'copy',
  isWhole: false,
  obstacle: async () => undefined,
  place: ({ directory }, id) => join(directory, 'trees', id),
  take: (site, place, _id, tree) => copyTree(site, place, tree, copyBytes),
  remove: removeHeld,
};

async function copyTree({ project }: Site, place: string, tree: KnownTree, copyFile: CopyFile) {
  try {
    makeHolder(dirname(place));
    await mkdir(place, { mode: 0o700 });
    for (const [path, node] of await tree.entries()) {
      const to = join(place, path);
      if (node.kind === 'directory') await mkdir(to, { mode: 0o700 });
      else if (node.kind === 'symlink') await symlink(node.target, to);
      else {
        await copyFile(join(project, path), node, to);
        await chmod(to, node.executable ? 0o700 : 0o600);
      }
    }
  } catch (error) {
    throw error instanceof AwError ? error : diskError(place, error);
  }
  return { path: place };
}

/** The descriptor is copied, not the name: what has taken the place of the file, a pipe or a link, is never opened. */
async function shareBlocks(from: string, _node: FileNode, to: string): Promise<void> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: FileHandle;
  try {
    file = await open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    throw new AwError('AW_LEADER_UNSTABLE', { path: show(from) }, { cause: error });
  }
  try {
    if (!(await file.stat()).isFile()) throw new AwError('AW_LEADER_UNSTABLE', { path: show(from) });
    await copyFile(`/proc/self/fd/${file.fd}`, to, constants.COPYFILE_FICLONE_FORCE);
  } catch (error) {
    throw error instanceof AwError ? error : snapshotFailed('reflink', (error as Error).message, error);
  } finally {
    await file.close();
  }
}

async function copyBytes(from: string, { sha256, size }: FileNode, to: string): Promise<void> {
  await writeFile(to, fileContent(from, sha256, size), { flag: 'wx', mode: 0o600 });
}
