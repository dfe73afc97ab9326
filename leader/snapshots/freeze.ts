/** A project's tree, frozen or as it was read. */
import { asAwError } from '../../contract/errors.ts';
import type { SnapshotChoice } from '../../contract/snapshot-names.ts';
import type { Snapshot } from '../../contract/snapshots.ts';
import type { LeaderTree, LeaderTrees } from '../fence/leader-tree.ts';
import { chooseProvider, siteOf } from './providers.ts';
import { type TakeOptions, takeSnapshot } from './take.ts';

/** Snapshots of a project that is written to while they are made. */
const TRIES = 5;

export interface FreezeOptions extends TakeOptions {
  stateDir: string;
  choice: SnapshotChoice;
  purpose: 'fence' | 'keep';
}

export interface Frozen {
  /** Its contents come from the snapshot, where that has files; closing it lets go of both. */
  tree: LeaderTree;
  /** Absent when none is made. */
  snapshot?: Snapshot;
}

/**
 * Reads the tree and freezes it; again, as long as the project moves on in between. Of `auto`, when
 * it turns out that it does not work, there is left for a fence to do without, and otherwise to copy.
 * @throws what reading the tree throws, AW_LEADER_UNSTABLE, AW_SNAPSHOT_UNSUITABLE, AW_SNAPSHOT_FAILED, AW_DISK
 */
export async function readFrozen(
  trees: LeaderTrees,
  project: string,
  patterns: readonly string[],
  { stateDir, choice, purpose, ...options }: FreezeOptions,
): Promise<Frozen> {
  const site = siteOf(project, stateDir);
  const provider = await chooseProvider(site, choice, purpose);
  for (let tries = 1; ; tries++) {
    const tree = await trees.read(project, patterns);
    if (provider === undefined) return { tree };
    try {
      const { snapshot, release } = await takeSnapshot(site, provider, tree, options);
      return { tree: frozen(tree, snapshot.path, release), snapshot };
    } catch (error) {
      const { code } = asAwError(error);
      const isMoving = code === 'AW_LEADER_UNSTABLE';
      const isUnsuitable = code === 'AW_SNAPSHOT_UNSUITABLE';
      const isLast = !isMoving || tries === TRIES;
      if (isLast && choice === 'auto' && purpose === 'fence') return { tree };
      tree.close();
      if (isUnsuitable && choice === 'auto') {
        return readFrozen(trees, project, patterns, { stateDir, choice: 'copy', purpose, ...options });
      }
      if (isLast) throw error;
    }
  }
}

function frozen(tree: LeaderTree, root: string | undefined, release: () => void): LeaderTree {
  return {
    ...tree,
    contents: wanted => tree.contents(wanted, root),
    large: wanted => tree.large(wanted, root),
    close: () => {
      tree.close();
      release();
    },
  };
}
