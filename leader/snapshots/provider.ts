/** What a way of making snapshots is to the rest. */
import type { SnapshotProvider } from '../../contract/snapshots.ts';
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

/** The tree as the first look found it. */
export interface KnownTree {
  /** What belongs to it, parents first, in canonical order. */
  entries(): Promise<[path: string, node: TreeNode][]>;
}

export interface Taken {
  /** A root that can be read as the project's own. */
  path?: string;
  commit?: string;
}

export interface Provider {
  readonly name: SnapshotProvider;
  /**
   * The file system finds by itself what is in the snapshot. Otherwise the first look's list was followed, and what was
   * added meanwhile is not noticed by looking at the snapshot.
   */
  readonly isWhole: boolean;
  /** Why it cannot work for the project, for a person; undefined when it can. Leaves nothing. */
  obstacle(site: Site): Promise<string | undefined>;
  /** What `remove` will be given: known, and on record, before anything is made. */
  place(site: Site, id: string): string;
  /** @throws AW_SNAPSHOT_FAILED, AW_LEADER_UNSTABLE; something may be left at `place` then */
  take(site: Site, place: string, id: string, tree: KnownTree): Promise<Taken>;
  /** What kind of directory is in the project and not in the snapshot; asked when they differ. */
  lacks?(path: string): Promise<string | undefined>;
  /** Also of what is half made, or not there. @throws AW_SNAPSHOT_FAILED */
  remove(place: string, id: string): Promise<void>;
}
