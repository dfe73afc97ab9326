/** Snapshots that are copies of the tree: of its blocks, where the file system can share them between files, or of its bytes. */
import { constants } from 'node:fs';
import { chmod, copyFile, type FileHandle, mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { FileNode } from '../../follower/tree/node.ts';
import { fileContent } from '../fence/content.ts';
import { diskError } from '../state.ts';
import { holderOf, makePlace, removePlace } from './holder.ts';
import { mountOf } from './mounts.ts';
import { snapshotFailed } from './program.ts';
import { type KnownTree, type Provider, type Site, Unsuitable } from './provider.ts';

/** File systems that can do it, if they were made so. */
const SHARING: readonly string[] = ['btrfs', 'xfs', 'bcachefs', 'ocfs2'];
const NOT_MADE_SO: readonly unknown[] = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'ENOTTY'];

type CopyFile = (from: string, node: FileNode, to: string) => Promise<void>;

export const reflink: Provider = {
  name: 'reflink',
  obstacle: async site => {
    if (holderOf(site) === undefined) return 'its file system has no directory outside of the project';
    const { type = 'unknown' } = mountOf(site.project, site.mounts) ?? {};
    return SHARING.includes(type) ? undefined : `${type} does not share blocks between files`;
  },
  place: (site, id) => join(holderOf(site)!, id),
  take: (site, place, _id, tree) => copyTree(site, place, tree, shareBlocks),
  remove: removePlace,
};

export const copy: Provider = {
  name: 'copy',
  obstacle: async () => undefined,
  place: ({ directory }, id) => join(directory, 'trees', id),
  take: (site, place, _id, tree) => copyTree(site, place, tree, copyBytes),
  remove: removePlace,
};

async function copyTree({ project }: Site, place: string, tree: KnownTree, copyFile: CopyFile) {
  const root = join(place, 'tree');
  try {
    makePlace(place);
    await mkdir(root, { mode: 0o700 });
    for (const [path, node] of await tree.entries()) {
      const to = join(root, path);
      if (node.kind === 'directory') await mkdir(to, { mode: 0o700 });
      else if (node.kind === 'symlink') await symlink(node.target, to);
      else {
        await copyFile(join(project, path), node, to);
        await chmod(to, node.executable ? 0o700 : 0o600);
      }
    }
  } catch (error) {
    throw error instanceof AwError || error instanceof Unsuitable ? error : diskError(place, error);
  }
  return { path: root };
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
    if (error instanceof AwError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (NOT_MADE_SO.includes(code)) throw new Unsuitable('its file system was made without shared blocks');
    throw snapshotFailed('reflink', message, error);
  } finally {
    await file.close();
  }
}

async function copyBytes(from: string, { sha256, size }: FileNode, to: string): Promise<void> {
  await writeFile(to, fileContent(from, sha256, size), { flag: 'wx', mode: 0o600 });
}
