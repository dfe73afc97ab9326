/** Which snapshots are there, and how long they stay. */

import { existsSync } from 'node:fs';
import { AwError, show } from '../../contract/errors.ts';
import type { Snapshot, SnapshotRecord } from '../../contract/snapshots.ts';
import { lockHolder, takeLock } from '../../tunnel/lock.ts';
import { providers } from './providers.ts';
import {
  lockFile,
  markIncomplete,
  readRecord,
  removeLockDrafts,
  removeRecord,
  snapshotIds,
} from './record.ts';

/** Of those that nobody has given a name. */
const KEPT = 10;

type Undone = Pick<SnapshotRecord, 'id' | 'provider' | 'place'>;

/** The complete ones, the oldest first. */
export function listSnapshots(directory: string): Snapshot[] {
  return (
    snapshotIds(directory)
      .map(id => readRecord(directory, id))
      .filter(record => record?.state === 'complete')
      // Their names tell the second, and several can be made in one.
      .sort((one, other) => Date.parse(one.createdAt) - Date.parse(other.createdAt))
  );
}

/** @throws AW_SNAPSHOT_NOT_FOUND, AW_SNAPSHOT_IN_USE, AW_SNAPSHOT_FAILED; what is left after that is incomplete */
export async function removeSnapshot(directory: string, id: string): Promise<void> {
  const record = snapshotIds(directory).includes(id) ? readRecord(directory, id) : undefined;
  if (record === undefined) throw new AwError('AW_SNAPSHOT_NOT_FOUND', { id: show(id) });
  const isRemoved = await alone(directory, id, () => undo(directory, record));
  if (!isRemoved) {
    const pid = lockHolder(lockFile(directory, id)) ?? 0;
    throw new AwError('AW_SNAPSHOT_IN_USE', { id, pid });
  }
}

/** Removes all but the last, of those without a name that nobody uses. What cannot be removed is tried again the next time. */
export async function keepLast(directory: string): Promise<void> {
  const automatic = listSnapshots(directory).filter(({ name }) => name === undefined);
  for (const record of automatic.slice(0, -KEPT)) {
    await alone(directory, record.id, () => undo(directory, record)).catch(() => {});
  }
}

/** Removes what was left by those who did not come to the end of making or removing a snapshot. */
export async function removeIncomplete(directory: string): Promise<void> {
  removeLockDrafts(directory);
  for (const id of snapshotIds(directory)) {
    const isComplete = readRecord(directory, id)?.state === 'complete';
    if (isComplete && !isLeft(lockFile(directory, id))) continue;
    await alone(directory, id, async () => {
      // Read again: whoever held it may have completed it meanwhile.
      const record = readRecord(directory, id);
      if (record === undefined) removeRecord(directory, id);
      else if (record.state === 'incomplete') await undo(directory, record);
    }).catch(() => {});
  }
}

/** A lock whose holder is dead; taking it and giving it back removes it. */
function isLeft(lock: string): boolean {
  return existsSync(lock) && lockHolder(lock) === undefined;
}

/** Removes the snapshot and, when nothing of it is left, its record. The caller holds its lock. */
export async function undo(directory: string, { provider, place, id }: Undone): Promise<void> {
  markIncomplete(directory, id);
  await providers[provider].remove(place, id);
  removeRecord(directory, id);
}

/** False, without doing the work, when somebody else holds the snapshot. */
async function alone(directory: string, id: string, work: () => Promise<void>): Promise<boolean> {
  const lock = takeLock(lockFile(directory, id));
  if (lock === undefined) return false;
  try {
    await work();
    return true;
  } finally {
    lock.release();
  }
}
