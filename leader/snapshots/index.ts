/** Snapshots of projects: made to be kept by `aw agent snapshot create`, and by fences for as long as they read from them. */

import { join } from 'node:path';
import type { SnapshotChoice } from '../../contract/snapshot-names.ts';
import type { Snapshot } from '../../contract/snapshots.ts';
import { ignorePatterns } from '../fence/ignore-file.ts';
import { createLeaderTrees } from '../fence/leader-tree.ts';
import { makePrivateDirectory, stateRoot } from '../state.ts';
import { readFrozen } from './freeze.ts';
import * as keeping from './keeping.ts';

export interface SnapshotOptions {
  /** Default as `stateRoot()` says. */
  stateDir?: string;
}

export interface CreateOptions extends SnapshotOptions {
  provider: Exclude<SnapshotChoice, 'none'>;
  /** One that has a name stays until it is deleted. */
  name?: string | undefined;
}

/** @throws as `readFrozen`, and AW_USAGE for an ignore file that is none */
export async function createSnapshot(
  project: string,
  { stateDir = stateRoot(), provider, name }: CreateOptions,
): Promise<Snapshot> {
  const trees = createLeaderTrees(stateDir);
  try {
    const options = { stateDir, choice: provider, purpose: 'keep', name, proof: 'snapshot' } as const;
    const { tree, snapshot } = await readFrozen(trees, project, ignorePatterns(project), options);
    tree.close();
    // Nothing is in the way of a plain copy.
    return snapshot!;
  } finally {
    await trees.close();
  }
}

/** The complete ones of all projects, the oldest first. */
export function listSnapshots({ stateDir = stateRoot() }: SnapshotOptions = {}): Snapshot[] {
  return keeping.listSnapshots(join(stateDir, 'snapshots'));
}

/** @throws AW_SNAPSHOT_NOT_FOUND, AW_SNAPSHOT_IN_USE, AW_SNAPSHOT_FAILED */
export async function deleteSnapshot(
  id: string,
  { stateDir = stateRoot() }: SnapshotOptions = {},
): Promise<void> {
  await keeping.removeSnapshot(makePrivateDirectory(join(stateDir, 'snapshots')), id);
}
