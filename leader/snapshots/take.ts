/** Making snapshots, so that a crash at any moment leaves nothing that is not found and removed. */
import { randomBytes } from 'node:crypto';
import { AwError, show } from '../../contract/errors.ts';
import type { Snapshot } from '../../contract/snapshots.ts';
import { takeLock } from '../../tunnel/lock.ts';
import type { LeaderTree } from '../fence/leader-tree.ts';
import { keepLast, removeIncomplete, undo } from './keeping.ts';
import { type Provider, type Site, Unsuitable } from './provider.ts';
import { unsuitable } from './providers.ts';
import { lockFile, writeRecord } from './record.ts';

export interface Held {
  snapshot: Snapshot;
  /** Until then it is not removed. */
  release(): void;
}

export interface TakeOptions {
  name?: string | undefined;
  /**
   * What it is compared by. `snapshot`: every file of it is read. `project`: while it was made nothing in the project changed;
   * that costs one look, and whoever is sent a file of the snapshot compares its content anyway.
   */
  proof: 'snapshot' | 'project';
}

/**
 * Freezes a tree that was read a moment ago. What comes out is that tree, of which it is known that the project had it at one
 * moment, or nothing.
 * @throws AW_LEADER_UNSTABLE when the project is another by now, AW_SNAPSHOT_UNSUITABLE, AW_SNAPSHOT_FAILED, AW_DISK
 */
export async function takeSnapshot(
  site: Site,
  provider: Provider,
  tree: LeaderTree,
  { name, proof }: TakeOptions,
): Promise<Held> {
  const { directory, project } = site;
  await removeIncomplete(directory);
  const now = new Date();
  const id = newSnapshotId(now);
  const lock = takeLock(lockFile(directory, id))!;
  const about = {
    id,
    provider: provider.name,
    project,
    createdAt: now.toISOString(),
    ...(name === undefined ? {} : { name }),
    place: provider.place(site, id),
  };
  try {
    writeRecord(directory, { state: 'incomplete', ...about });
    const { thread, digest, patterns, files } = tree;
    const taken = await provider.take(site, about.place, id, {
      entries: () => thread.call('entries', digest),
      directoryWithInode: inode => thread.call('directoryWithInode', project, digest, inode),
    });
    if (taken.path !== undefined) {
      const root = proof === 'snapshot' ? taken.path : project;
      const found = await thread.call('digestOf', root, digest, [...patterns], proof === 'snapshot');
      if (found !== digest) throw new AwError('AW_LEADER_UNSTABLE', { path: show(project) });
    }
    const bytes = await thread.call('size', digest);
    const snapshot: Snapshot = { state: 'complete', ...about, ...taken, treeDigest: digest, files, bytes };
    writeRecord(directory, snapshot);
    await keepLast(directory);
    return { snapshot, release: lock.release };
  } catch (error) {
    // What cannot be undone now is incomplete, and found by the next.
    await undo(directory, about).catch(() => {});
    lock.release();
    throw error instanceof Unsuitable ? await unsuitable(site, provider.name, error.message) : error;
  }
}

function newSnapshotId(now: Date): string {
  const [day, time] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').split('T');
  return `snap-${day}-${time}-${randomBytes(3).toString('hex')}`;
}
