/** Snapshots of a project, as they stand in the leader's records and in `aw agent snapshot list --json`. */
import { z } from 'zod';

export const SnapshotProvider = z.enum(['btrfs', 'zfs', 'reflink', 'git', 'copy']);
export type SnapshotProvider = z.infer<typeof SnapshotProvider>;

/** What a fence may be asked for: the best that costs next to nothing, one by name, or none. */
export const SnapshotChoice = z.enum(['auto', ...SnapshotProvider.options, 'none']);
export type SnapshotChoice = z.infer<typeof SnapshotChoice>;

/** Safe in a path, in the name of a git reference and of a ZFS snapshot. */
export const SnapshotId = z.string().regex(/^snap-\d{8}-\d{6}-[0-9a-f]{6}$/);

/** Given by a person: such a snapshot stays until it is deleted. */
export const SnapshotName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name has only letters, digits, ".", "_" and "-"');

const about = {
  id: SnapshotId,
  provider: SnapshotProvider,
  /** The project's root on the leader. */
  project: z.string(),
  createdAt: z.iso.datetime(),
  name: SnapshotName.optional(),
  /** What its provider has to remove: a directory, a subvolume, a repository, a ZFS snapshot. */
  place: z.string(),
};

export const SnapshotRecord = z.discriminatedUnion('state', [
  /** Whoever makes it has not finished, or never will. */
  z.looseObject({ state: z.literal('making'), ...about }),
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
