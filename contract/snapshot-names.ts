/** The ways of making snapshots by name. Apart from the schemas, which a command that only parses does not load. */
export const snapshotProviders = ['btrfs', 'zfs', 'reflink', 'git', 'copy'] as const;
export type SnapshotProvider = (typeof snapshotProviders)[number];

/** What a fence may be asked for: what costs next to nothing where that works, one by name, or none. */
export const snapshotChoices = ['auto', ...snapshotProviders, 'none'] as const;
export type SnapshotChoice = (typeof snapshotChoices)[number];
