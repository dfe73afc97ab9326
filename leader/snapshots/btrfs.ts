/**
 * Read-only snapshots of a btrfs subvolume. Nothing is copied, and every file keeps its number and times, so that what is
 * known of the project's files holds for those of the snapshot. Its names are of one moment; of a file that is being
 * written at that moment it may have what the disk had, which the second look finds.
 */
import { lstatSync } from 'node:fs';
import { readdir, lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { show } from '../../contract/errors.ts';
import { holderOf, makeHolder, removeHeld } from './holder.ts';
import { mountOf, mountsBelow } from './mounts.ts';
import { executor, findProgram, snapshotFailed } from './program.ts';
import type { Provider } from './provider.ts';

/** Inode numbers: of the root of every subvolume, and of the empty directory that stands for one within a snapshot. */
const SUBVOLUME = 256;
const EMPTIED = 2;

const exec = executor('btrfs');

export const btrfs: Provider = {
  name: 'btrfs',
  isWhole: true,

  async obstacle(site) {
    const { project, mounts } = site;
    if (mountOf(project, mounts)?.type !== 'btrfs') return 'the project is not on btrfs';
    const { ino, uid } = lstatSync(project);
    if (ino !== SUBVOLUME) return 'the project is not a subvolume of its own (btrfs subvolume create)';
    const user = process.getuid?.();
    if (user !== 0 && uid !== user) return 'the subvolume belongs to another user';
    const [inner] = mountsBelow(project, mounts);
    if (inner !== undefined) return `something is mounted in the project, at ${show(inner.path)}`;
    if (holderOf(site) === undefined) return 'its file system has no directory outside of the project';
    return (await findProgram('btrfs')) === undefined ? 'there is no program btrfs' : undefined;
  },

  place: (site, id) => join(holderOf(site)!, id),

  async take({ project }, place) {
    try {
      makeHolder(dirname(place));
    } catch (error) {
      throw snapshotFailed('btrfs', (error as Error).message, error);
    }
    await exec('btrfs', 'subvolume', 'snapshot', '-r', project, place);
    return { path: place };
  },

  async lacks(path) {
    const inner = await emptiedIn(path);
    return inner === undefined ? undefined : `${show(inner)} is a subvolume of its own, and empty in a snapshot`;
  },

  async remove(place) {
    if (lstatSync(place, { throwIfNoEntry: false })?.ino === SUBVOLUME) {
      try {
        await exec('btrfs', 'subvolume', 'delete', place);
      } catch {
        // An ordinary user may not delete it, but may empty it, once it can be written to.
        await exec('btrfs', 'property', 'set', '-f', place, 'ro', 'false');
      }
    }
    try {
      await removeHeld(place);
    } catch (error) {
      throw snapshotFailed('btrfs', (error as Error).message, error);
    }
  },
};

/** The first directory that stands for a subvolume, from the root with `/`. */
async function emptiedIn(root: string, at = ''): Promise<string | undefined> {
  for (const entry of await readdir(join(root, at), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = at === '' ? entry.name : `${at}/${entry.name}`;
    if ((await lstat(join(root, path))).ino === EMPTIED) return path;
    const below = await emptiedIn(root, path);
    if (below !== undefined) return below;
  }
  return undefined;
}
