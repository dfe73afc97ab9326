/** What can bring a project's files to its followers. `auto`: the embedded one, which every follower has. */
export const syncEngines = ['auto', 'embedded', 'mutagen'] as const;
export type SyncEngineName = (typeof syncEngines)[number];
