/** Fences of a fleet, as `aw agent followers sync-fence` does and tells them. */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Event, WireError } from '../../contract/events.ts';
import { HostCatalogue } from '../../contract/hosts.ts';
import type { Exclusion } from '../../contract/trees.ts';
import { fenceProject, type HostFence } from '../../leader/fence/index.ts';
import { type Fleet, parseEvents } from './fleet.ts';

/** For commands that are to fence before they run. */
export const FENCED = { AW_NO_FENCE: '' };

/** As `fleet.run`, with a fence before it. */
export async function fencedRun(
  fleet: Pick<Fleet, 'aw'>,
  args: readonly string[],
  options?: { cwd?: string },
): Promise<{ code: number | null; events: Event[]; stderr: string }> {
  const command = ['agent', 'run-everywhere', '--output', 'json', ...args];
  const { code, stdout, stderr } = await fleet.aw(command, { ...options, env: FENCED });
  return { code, events: parseEvents(stdout), stderr };
}

export interface FenceRecord {
  host: string;
  state: 'consistent' | 'timeout' | 'error';
  changes: number;
  sent: number;
  digest?: string;
  excluded: Exclusion[];
  error?: WireError;
}

/** @throws what the command said, when it is not about single hosts */
export async function fence(
  fleet: Pick<Fleet, 'aw'>,
  ...args: string[]
): Promise<{ code: number | null; hosts: Record<string, FenceRecord> }> {
  const { code, stdout, stderr } = await fleet.aw(['agent', 'followers', 'sync-fence', '--json', ...args]);
  const records = stdout
    .toString()
    .split('\n')
    .filter(line => line !== '')
    .map((line): FenceRecord => JSON.parse(line));
  if (records.length === 0) throw new Error(`sync-fence: ${stderr}`);
  return { code, hosts: Object.fromEntries(records.map(record => [record.host, record])) };
}

/** The same without a process of its own: for tests that fence often. */
export async function fenceHere(
  fleet: Pick<Fleet, 'project' | 'hostsFile' | 'env'>,
  options: Partial<Parameters<typeof fenceProject>[2]> = {},
): Promise<Record<string, HostFence>> {
  const { hosts } = HostCatalogue.parse(JSON.parse(readFileSync(fleet.hostsFile, 'utf8')));
  const fence = await fenceProject(fleet.project, hosts, {
    stateDir: fleet.env.AW_STATE_DIR!,
    timeoutMs: 120_000,
    rehash: false,
    adopt: true,
    allowEmpty: true,
    portability: 'exclude',
    ...options,
  });
  return fence.results;
}

export type Tree = { [path: string]: string | Buffer };

/** Makes `root` hold these files, of all that is not in `keep`. */
export function fill(root: string, files: Tree, keep: readonly string[] = ['.agents']): void {
  for (const name of readdirSync(root)) {
    if (!keep.includes(name)) rmSync(join(root, name), { recursive: true });
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** Makes the workspaces of these hosts anew, with nothing in them. */
export function empty(fleet: Pick<Fleet, 'workspace'>, hosts: readonly string[]): void {
  for (const host of hosts) {
    rmSync(fleet.workspace(host), { recursive: true, force: true });
    mkdirSync(fleet.workspace(host));
  }
}

/** All files and links below, by path: contents in Latin-1, which loses nothing; directories as `/`. */
export function read(root: string, without: readonly string[] = ['.agents']): { [path: string]: string } {
  const found: [string, string][] = readdirSync(root, { recursive: true, withFileTypes: true }).map(entry => {
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(root.length + 1);
    if (entry.isDirectory()) return [path, '/'];
    return [path, entry.isSymbolicLink() ? `-> ${readlinkSync(file)}` : readFileSync(file, 'latin1')];
  });
  return Object.fromEntries(
    found
      .filter(([path]) => !without.includes(path.split('/')[0]!))
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}
