/**
 * The snapshots on record: `<state>/snapshots/<id>/snapshot.json`, or `incomplete.json`, and beside the directory, while
 * somebody makes, reads or removes one, `<id>.lock`. A record is there before anything else of a snapshot is, and goes after it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SnapshotId } from '../../contract/names.ts';
import { SnapshotRecord } from '../../contract/snapshots.ts';
import { isAlive } from '../../tunnel/identity.ts';
import { diskError, writeWhole } from '../state.ts';

const fileOf = (directory: string, id: string, state: SnapshotRecord['state']) =>
  join(directory, id, state === 'complete' ? 'snapshot.json' : 'incomplete.json');
export const lockFile = (directory: string, id: string) => join(directory, `${id}.lock`);

/** @throws AW_DISK */
export function writeRecord(directory: string, record: SnapshotRecord): void {
  const { id, state } = record;
  try {
    mkdirSync(join(directory, id), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw diskError(join(directory, id), error);
  }
  writeWhole(fileOf(directory, id, state), `${JSON.stringify(record, undefined, 1)}\n`);
  if (state === 'complete') rmSync(fileOf(directory, id, 'incomplete'), { force: true });
}

/** By a new name alone: what is removed from a disk that is full can have nothing written about it. @throws AW_DISK */
export function markIncomplete(directory: string, id: string): void {
  const file = fileOf(directory, id, 'complete');
  try {
    renameSync(file, fileOf(directory, id, 'incomplete'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw diskError(file, error);
  }
}

/** Undefined for what is not, or not completely, there. */
export function readRecord(directory: string, id: string): SnapshotRecord | undefined {
  return read(directory, id, 'complete') ?? read(directory, id, 'incomplete');
}

function read(directory: string, id: string, state: SnapshotRecord['state']): SnapshotRecord | undefined {
  try {
    const json = JSON.parse(readFileSync(fileOf(directory, id, state), 'utf8'));
    return SnapshotRecord.parse({ ...json, state });
  } catch {
    return undefined;
  }
}

export function removeRecord(directory: string, id: string): void {
  rmSync(join(directory, id), { recursive: true, force: true });
}

/** Removes what was to become the lock of a process that is dead. */
export function removeLockDrafts(directory: string): void {
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const pid = /^snap-.*\.lock\.(\d+)\.[0-9a-f]+(?:\.old)?$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid), undefined)) rmSync(join(directory, name), { force: true });
  }
}

/** All of which there is anything, be it a lock that a dead process has left; the oldest first. */
export function snapshotIds(directory: string): string[] {
  try {
    const names = readdirSync(directory).map(name => name.replace(/\.lock$/, ''));
    return [...new Set(names)].filter(name => SnapshotId.safeParse(name).success).sort();
  } catch {
    return [];
  }
}
