/** A fleet of hosts without an agent, each with a user, and a way to look at what is put there. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HostSpec } from './fleet.ts';
import { requires, which } from './require.ts';
import { makeSshFleet, type SshFleet } from './sshd.ts';
import { addUser, type TestUser } from './users.ts';

/** Only root can, and in a container often not even root. */
export const canMount = requires('mount', triesToMount());

function triesToMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'aw-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', directory], { stdio: 'ignore' });
    execFileSync('umount', [directory]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export interface BareHost {
  shell: string;
  /** What a command there finds as `node`. */
  node?: 'new' | 'old' | 'none';
  /** More of sshd's configuration; default: it has SFTP. */
  config?: readonly string[];
  /** Written into the home directory. `@` stands for the directory that has the new Node. */
  files?: Record<string, string>;
}

export interface BareFleet extends SshFleet {
  home(host: string): string;
  user(host: string): TestUser;
  /** Where agents are put. */
  place(host: string): string;
  /** Its catalogue entry, with its user. */
  entry(host: string, fields?: object): HostSpec;
  /** `aw agent followers ARGS --json`, for the hosts. */
  change(
    args: readonly string[],
    ...hosts: HostSpec[]
  ): Promise<{ code: number | null; reports: ChangeReport[] }>;
}

export interface ChangeReport {
  host: string;
  done: string;
  version?: string;
  before?: string;
  path?: string;
  node?: string;
  error?: { code: string; message: string; remedy: string };
}

/** All programs of this machine but its Node. */
function withoutNode(directory: string): void {
  mkdirSync(directory);
  for (const name of readdirSync('/usr/bin')) {
    if (name !== 'node' && name !== 'aw-follower') symlinkSync(join('/usr/bin', name), join(directory, name));
  }
}

export async function makeBareFleet(hosts: Record<string, BareHost>): Promise<BareFleet> {
  const tools = realpathSync(mkdtempSync(join(tmpdir(), 'aw-install-')));
  chmodSync(tools, 0o755);
  const [fresh, old, none] = ['new', 'old', 'none'].map(name => join(tools, name)) as [
    string,
    string,
    string,
  ];
  withoutNode(none);
  mkdirSync(fresh);
  symlinkSync(process.execPath, join(fresh, 'node'));
  mkdirSync(old);
  writeFileSync(join(old, 'node'), '#!/bin/sh\necho v18.19.1\n', { mode: 0o755 });
  const paths = { new: `${fresh}:${none}`, old: `${old}:${none}`, none };
  const pathOf = ({ node = 'new' }: BareHost) => paths[node];

  const names = Object.keys(hosts);
  const fleet = await makeSshFleet(
    names.map(name => ({ name, transport: 'ssh' })),
    name => ({
      env: { PATH: pathOf(hosts[name]!), AW_STATE_DIR: '' },
      config: hosts[name]!.config ?? ['Subsystem sftp internal-sftp'],
    }),
  );
  const users = new Map<string, TestUser>();
  // Its users are other users than the one who made it.
  for (const path of ['', 'users', 'workspaces', 'sshd']) {
    mkdirSync(join(fleet.dir, path), { recursive: true });
    chmodSync(join(fleet.dir, path), 0o711);
  }
  for (const name of names) {
    const user = addUser(which(hosts[name]!.shell)!, join(fleet.dir, 'users', name));
    users.set(name, user);
    for (const [file, text] of Object.entries(hosts[name]!.files ?? {})) {
      mkdirSync(dirname(join(user.home, file)), { recursive: true });
      writeFileSync(join(user.home, file), text.replaceAll('@', fresh).replaceAll('%', pathOf(hosts[name]!)));
    }
    user.own(user.home);
    user.own(fleet.workspace(name));
    chmodSync(join(fleet.dir, 'sshd', name), 0o711);
    chmodSync(join(fleet.dir, 'sshd', name, 'authorized_keys'), 0o644);
  }
  const entry = (host: string, fields: object = {}) => ({
    ...fleet.entry(host),
    sshUser: users.get(host)!.name,
    ...fields,
  });
  writeFileSync(fleet.hostsFile, JSON.stringify({ hosts: names.map(name => entry(name)) }));
  return {
    ...fleet,
    entry,
    home: host => users.get(host)!.home,
    user: host => users.get(host)!,
    place: host => join(users.get(host)!.home, '.local/share/agents-workflow/agent'),
    change: async (args, ...wanted) => {
      const result = await fleet.aw(['agent', 'followers', ...args, '--json', ...fleet.catalogue(wanted)]);
      const lines = result.stdout.toString().split('\n').filter(Boolean);
      if (lines.length !== wanted.length) throw new Error(`${args.join(' ')}: ${result.stderr}`);
      return { code: result.code, reports: lines.map(line => JSON.parse(line)) };
    },
    stop: async () => {
      try {
        await fleet.stop();
      } finally {
        for (const user of users.values()) user.remove();
        rmSync(tools, { recursive: true, force: true });
      }
    },
  };
}

/** The names in a place for agents: versions that are complete, and everything else but `current`. */
export function lookInto(place: string): { current: string | undefined; versions: string[]; rest: string[] } {
  if (!existsSync(place)) return { current: undefined, versions: [], rest: [] };
  const names = readdirSync(place).filter(name => name !== 'current');
  const versions = names.filter(name => isComplete(join(place, name)));
  const link = lstatSync(join(place, 'current'), { throwIfNoEntry: false });
  return {
    current: link === undefined ? undefined : readlinkSync(join(place, 'current')),
    versions,
    rest: names.filter(name => !versions.includes(name)),
  };
}

/** Its content is the one it is named after. */
function isComplete(directory: string): boolean {
  const bundle = join(directory, 'aw-follower.mjs');
  if (!existsSync(bundle) || !existsSync(join(directory, 'aw-follower'))) return false;
  const digest = createHash('sha256').update(readFileSync(bundle)).digest('hex');
  return directory.endsWith(`-${digest.slice(0, 12)}`);
}
