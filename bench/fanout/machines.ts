/** Machines to fan out to: sshds on loopback with agents that run, and what other programs need to reach them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { HostSpec } from '../../test/support/fleet.ts';
import { makeSshFleet, type SshFleet } from '../../test/support/sshd.ts';

/** Whether connections are there already when a command begins. */
export type Warmth = 'cold' | 'warm';

export interface Machines {
  fleet: SshFleet;
  /** Below it the agents keep their state. */
  home: string;
  /** A part of them. The same count always means the same machines. */
  first(count: number): Group;
  stop(): Promise<void>;
}

export interface Group {
  hosts: readonly HostSpec[];
  names: readonly string[];
  /** A catalogue of these machines. */
  catalogue: string;
  /** A configuration of the system's ssh in which every name leads to its machine; the warm one shares open connections. */
  config: Record<Warmth, string>;
  /** An inventory for ansible. */
  inventory: string;
}

export async function startMachines(count: number): Promise<Machines> {
  // As on real machines, where agents keep their state in a home directory and not below `/tmp`.
  const home = mkdtempSync(join(userInfo().homedir, '.aw-bench-'));
  const fleet = await makeSshFleet(
    Array.from({ length: count }, (_, index) => ({ name: `h${index}`, transport: 'ssh', shell: 'bash' })),
    // A home of its own: what this user's start-up files do is not to be measured.
    host => ({ env: { HOME: home, AW_STATE_DIR: join(home, host) } }),
  );
  const stop = async () => {
    await fleet.stop();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const all = fleet.hostsFile;
    const started = await fleet.aw(['agent', 'run-everywhere', '--hosts', all, '--', 'true']);
    if (started.code !== 0) throw new Error(`the agents did not start: ${started.stderr}`);
    // Only the first leader that ever connects has to find out where agents listen; what is measured is any other.
    await fleet.aw(['agent', 'fleet', 'down']);
    const groups = new Map<number, Group>();
    const entries = Array.from({ length: count }, (_, index) => fleet.entry(`h${index}`));
    return {
      fleet,
      home,
      first: wanted => {
        const group = groups.get(wanted) ?? describe(fleet, entries.slice(0, wanted), `first-${wanted}`);
        groups.set(wanted, group);
        return group;
      },
      stop: async () => {
        for (const group of groups.values()) await closeConnections(group);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What everybody needs to reach these entries, in files of their own. */
export function describe(fleet: SshFleet, hosts: readonly HostSpec[], label: string): Group {
  const names = hosts.map(host => host.name);
  const directory = join(fleet.dir, label);
  mkdirSync(join(directory, 'c'), { recursive: true });
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const places = hosts
    .map(({ name, port }) => `Host ${name}\n  HostName 127.0.0.1\n  Port ${port}\n`)
    .join('');
  const common = `${places}Host *
  IdentityFile ${join(fleet.ssh, 'id_ed25519')}
  IdentitiesOnly yes
  UserKnownHostsFile ${join(fleet.ssh, 'known_hosts')}
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
`;
  return {
    hosts,
    names,
    catalogue: file('hosts.json', JSON.stringify({ hosts })),
    config: {
      cold: file('cold.conf', `${common}  ControlMaster no\n  ControlPath none\n`),
      warm: file(
        'warm.conf',
        `${common}  ControlMaster auto\n  ControlPersist yes\n  ControlPath ${directory}/c/%n\n`,
      ),
    },
    inventory: file('inventory', `${names.join('\n')}\n`),
  };
}

/** The connections that the warm configuration shares: made now, so that no round pays for them. */
export async function openConnections({ names, config }: Group): Promise<void> {
  for (const name of names) await run('ssh', ['-F', config.warm, '-n', name, 'true']);
}

export async function closeConnections({ names, config }: Group): Promise<void> {
  // Where there is none ssh says so, and that is as good.
  for (const name of names) await run('ssh', ['-F', config.warm, '-O', 'exit', name]);
}

/** Not in the way of what this process itself does for the connection. */
async function run(file: string, args: readonly string[]): Promise<void> {
  await once(spawn(file, args, { stdio: 'ignore' }), 'close');
}
