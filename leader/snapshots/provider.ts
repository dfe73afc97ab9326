/** What a way of making snapshots is to the rest. */
import type { SnapshotProvider } from '../../contract/snapshot-names.ts';
import type { TreeNode } from '../../follower/tree/node.ts';
import type { Mount } from './mounts.ts';

/** Where a snapshot is made: nothing in it changes while one is. */
export interface Site {
  /** Absolute and without links. */
  project: string;
  /** The leader's own directory for snapshots: private, and there already. */
  directory: string;
  mounts: readonly Mount[];
}

/** The tree that is to be frozen: one that the project had when it was looked at, and may have no more. */
export interface KnownTree {
  /** What belongs to it, parents first, in canonical order. */
  entries(): Promise<[path: string, node: TreeNode][]>;
  /** The first of its directories that has this number in the project. */
  directoryWithInode(inode: number): Promise<string | undefined>;
}

/** Of the project something is known now that stands against a snapshot: the message says what, for a person. */
export class Unsuitable extends Error {}

export interface Taken {
  /**
   * A root that can be read as the project's own, and may hold what the project has become; without one the provider has
   * seen to it that it is the known tree.
   */
  path?: string;
  commit?: string;
}

export interface Provider {
  readonly name: SnapshotProvider;
  /** Why it cannot work for the project, for a person; undefined when it can. Leaves nothing. */
  obstacle(site: Site): Promise<string | undefined>;
  /** What `remove` will be given: known, and on record, before anything is made. */
  place(site: Site, id: string): string;
  /** @throws Unsuitable, AW_SNAPSHOT_FAILED, AW_LEADER_UNSTABLE; something may be left at `place` then */
  take(site: Site, place: string, id: string, tree: KnownTree): Promise<Taken>;
  /** Also of what is half made, or not there. @throws AW_SNAPSHOT_FAILED */
  remove(place: string, id: string): Promise<void>;
}
