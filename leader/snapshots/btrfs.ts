/**
 * Read-only snapshots of a btrfs subvolume. Nothing is copied, and every file keeps its number and times, so that what is
 * known of the project's files holds for those of the snapshot. Its names are of one moment; of a file that is being
 * written at that moment it may have what the disk had, which the second look finds.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { show } from '../../contract/errors.ts';
import { holderOf, makePlace, removePlace } from './holder.ts';
import { mountOf, mountsBelow } from './mounts.ts';
import { executor, findProgram, snapshotFailed } from './program.ts';
import { type Provider, Unsuitable } from './provider.ts';

/** The inode number of every subvolume's root. */
const SUBVOLUME = 256;

const exec = executor('btrfs');

export const btrfs: Provider = {
  name: 'btrfs',

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

  async take({ project }, place, _id, tree) {
    const inner = await tree.directoryWithInode(SUBVOLUME);
    if (inner !== undefined)
      throw new Unsuitable(`${show(inner)} is a subvolume of its own, and empty in a snapshot`);
    try {
      makePlace(place);
    } catch (error) {
      throw snapshotFailed('btrfs', (error as Error).message, error);
    }
    const path = join(place, 'tree');
    await exec('btrfs', 'subvolume', 'snapshot', '-r', project, path);
    return { path };
  },

  async remove(place) {
    const path = join(place, 'tree');
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === SUBVOLUME) {
      try {
        await exec('btrfs', 'subvolume', 'delete', path);
      } catch {
        // An ordinary user may not delete it, but may empty it, once it can be written to.
        await exec('btrfs', 'property', 'set', '-f', path, 'ro', 'false');
      }
    }
    try {
      await removePlace(place);
    } catch (error) {
      throw snapshotFailed('btrfs', (error as Error).message, error);
    }
  },
};
