/** The ways of making snapshots, and which of them is used. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { SnapshotChoice, SnapshotProvider } from '../../contract/snapshot-names.ts';
import { makePrivateDirectory } from '../state.ts';
import { btrfs } from './btrfs.ts';
import { copy, reflink } from './copies.ts';
import { git } from './git.ts';
import { readMounts } from './mounts.ts';
import type { Provider, Site } from './provider.ts';
import { zfs } from './zfs.ts';

export const providers: Readonly<Record<SnapshotProvider, Provider>> = { btrfs, zfs, reflink, git, copy };

/** For a fence nothing is worth its time that copies files, or has never been tried; a snapshot to keep is always made. */
const AUTOMATIC = { fence: [btrfs], keep: [btrfs, reflink, copy] } as const;

/** @throws AW_DISK, AW_TREE_ROOT */
export function siteOf(project: string, stateDir: string): Site {
  const directory = realpathSync(makePrivateDirectory(join(stateDir, 'snapshots')));
  let real: string;
  try {
    real = realpathSync(project);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AwError('AW_TREE_ROOT', { path: show(project), reason: code ?? message }, { cause: error });
  }
  return { project: real, directory, mounts: readMounts() };
}

/** What would work for the project, and why the others would not. */
export async function detect(site: Site): Promise<{ provider: Provider; obstacle: string | undefined }[]> {
  return Promise.all(
    Object.values(providers).map(async provider => ({ provider, obstacle: await provider.obstacle(site) })),
  );
}

/**
 * Undefined for `none`, and when nothing is fit for being chosen without being named.
 * @throws AW_SNAPSHOT_UNSUITABLE when one is named that cannot work
 */
export async function chooseProvider(
  site: Site,
  choice: SnapshotChoice,
  purpose: keyof typeof AUTOMATIC,
): Promise<Provider | undefined> {
  if (choice === 'none') return undefined;
  if (choice === 'auto') {
    for (const provider of AUTOMATIC[purpose]) {
      if ((await provider.obstacle(site)) === undefined) return provider;
    }
    return undefined;
  }
  const obstacle = await providers[choice].obstacle(site);
  if (obstacle !== undefined) throw await unsuitable(site, choice, obstacle);
  return providers[choice];
}

export async function unsuitable(site: Site, provider: SnapshotProvider, reason: string): Promise<AwError> {
  const found = await detect(site);
  const others = found
    .filter(each => each.obstacle === undefined && each.provider.name !== provider)
    .map(each => each.provider.name)
    .join(' | ');
  return new AwError('AW_SNAPSHOT_UNSUITABLE', { provider, project: show(site.project), reason, others });
}
