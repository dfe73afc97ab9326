/** Snapshots of a project, as they stand in the leader's records and in `aw agent snapshot list --json`. */
import { z } from 'zod';
import { SnapshotId, SnapshotName } from './names.ts';
import { snapshotProviders } from './snapshot-names.ts';

const about = {
  id: SnapshotId,
  provider: z.enum(snapshotProviders),
  /** The project's root on the leader. */
  project: z.string(),
  createdAt: z.iso.datetime(),
  name: SnapshotName.optional(),
  /** What its provider has to remove: a directory, a subvolume, a repository, a ZFS snapshot. */
  place: z.string(),
};

export const SnapshotRecord = z.discriminatedUnion('state', [
  /** It is being made or removed, or nobody was left to finish that. */
  z.looseObject({ state: z.literal('incomplete'), ...about }),
  z.looseObject({
    state: z.literal('complete'),
    ...about,
    /** A root that can be read as the project's own; absent when the provider keeps the tree in another form. */
    path: z.string().optional(),
    /** In the repository at `place`. */
    commit: z.string().optional(),
    /** Of the tree, in lower-case hexadecimal, as the fence compares it. */
    treeDigest: z.string(),
    files: z.int(),
    bytes: z.number(),
  }),
]);
export type SnapshotRecord = z.infer<typeof SnapshotRecord>;
export type Snapshot = Extract<SnapshotRecord, { state: 'complete' }>;
