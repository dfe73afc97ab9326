/** Real sshds on loopback, each a machine of its own as far as a leader can tell, and a fleet over them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, type HostSpec, makeFleet } from './fleet.ts';
import { requires } from './require.ts';

const SSHD = '/usr/sbin/sshd';
const repository = resolve(import.meta.dirname, '../..');

/** Started by another user than root, it lets that user in, which is enough. */
export const hasSshd = requires('sshd', existsSync(SSHD));

export interface Sshd {
  address: string;
  port: number;
  /** Of its host key: the line of the `.pub` file, and the fingerprint. */
  publicKey: string;
  fingerprint: string;
  /** Its log so far. */
  log(): string;
  /** Pids of the sshd processes that hold a login. */
  sessions(): number[];
  stop(): Promise<void>;
}

export interface SshdOptions {
  /** Made for it alone; everything it needs is put there. */
  dir: string;
  /** Public keys that may log in. */
  authorizedKeys: string;
  /** Set in every login. */
  env?: Record<string, string>;
  /** The home directory of whoever runs the tests, whose own start-up files may do anything; other users keep theirs. */
  home?: string;
  /** More lines of sshd_config. They stand first, and the first word counts. */
  config?: readonly string[];
  /** Where it listens; default: loopback. */
  address?: string;
  /** A program that becomes sshd, and its arguments. */
  under?: readonly string[];
}

export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const { dir, authorizedKeys, env = {}, home, config = [], address = '127.0.0.1', under = [] } = options;
  mkdirSync(dir, { recursive: true });
  // What starts the system's sshd makes this for it, and it may never have been started.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const key = makeKey(join(dir, 'host_key'));
  writeFileSync(join(dir, 'authorized_keys'), authorizedKeys, { mode: 0o600 });
  const log = join(dir, 'sshd.log');
  writeFileSync(log, '');
  const port = await freePort();
  const file = join(dir, 'sshd_config');
  writeFileSync(
    file,
    [
      ...config,
      `ListenAddress ${address}:${port}`,
      `HostKey ${join(dir, 'host_key')}`,
      `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
      setEnv(env),
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PrintMotd no',
      'MaxStartups 100',
      ...(home === undefined ? [] : [`Match User ${userInfo().username}`, setEnv({ ...env, HOME: home })]),
      '',
    ].join('\n'),
  );
  const [program, ...words] = [...under, SSHD, '-D', '-E', log, '-f', file];
  const child = spawn(program!, words, { stdio: 'ignore' });
  for (let tries = 0; !readFileSync(log, 'utf8').includes('Server listening'); tries++) {
    if (child.exitCode !== null || tries === 200) throw new Error(`sshd: ${readFileSync(log, 'utf8')}`);
    await sleep(25);
  }
  const sessions = () => sshdsBelow(child.pid!);
  return {
    address,
    port,
    ...key,
    log: () => readFileSync(log, 'utf8'),
    sessions,
    stop: async () => {
      const open = sessions();
      await end(child);
      for (const pid of open) tryKill(pid);
    },
  };
}

function setEnv(env: Record<string, string>): string {
  return `SetEnv ${Object.entries(env)
    .map(([name, value]) => `"${name}=${value}"`)
    .join(' ')}`;
}

export interface KeyPair {
  publicKey: string;
  fingerprint: string;
}

export function makeKey(path: string, options: readonly string[] = ['-t', 'ed25519']): KeyPair {
  execFileSync('ssh-keygen', ['-q', ...options, '-N', '', '-C', 'test', '-f', path]);
  return keyPair(path);
}

function keyPair(path: string): KeyPair {
  const listed = execFileSync('ssh-keygen', ['-l', '-f', `${path}.pub`], { encoding: 'utf8' });
  return { publicKey: readFileSync(`${path}.pub`, 'utf8').trim(), fingerprint: listed.split(' ')[1]! };
}

/** A fleet of hosts that are reached over SSH. `ssh` and `openssh` find keys and known hosts in the fleet's own home. */
export interface SshFleet extends Fleet {
  sshds: Record<string, Sshd>;
  /** As the catalogue has it; change it and give it to `catalogue`. */
  entry(host: string): HostSpec;
  /** Writes a catalogue of its own for one test and returns `--hosts FILE`. */
  catalogue(entries: readonly HostSpec[]): string[];
  /** The `.ssh` directory of the fleet's user. */
  ssh: string;
  /** Its public key, which every sshd of this fleet takes. */
  publicKey: string;
  /** Puts a host key on record. */
  know(port: number, publicKey: string, address?: string): void;
}

/**
 * One sshd and one agent a host.
 * `prepare`: more for one host's sshd.
 */
export async function makeSshFleet(
  hosts: readonly HostSpec[],
  prepare: (host: string) => Partial<SshdOptions> = () => ({}),
): Promise<SshFleet> {
  const fleet = makeFleet(hosts);
  const { dir, env } = fleet;
  const ssh = join(env.HOME!, '.ssh');
  mkdirSync(ssh, { mode: 0o700 });
  const { publicKey } = makeKey(join(ssh, 'id_ed25519'));
  writeClient(fleet, ssh);
  const bin = join(dir, 'remote-bin');
  mkdirSync(bin);
  symlinkSync(join(repository, 'bin/aw-follower.js'), join(bin, 'aw-follower'));
  symlinkSync(process.execPath, join(bin, 'node'));

  const sshds: Record<string, Sshd> = {};
  const know = (port: number, key: string, address = '127.0.0.1') =>
    appendFileSync(join(ssh, 'known_hosts'), `[${address}]:${port} ${key}\n`);
  for (const { name } of hosts) {
    const { env: more, ...options } = prepare(name);
    const home = join(dir, 'remote-home', name);
    mkdirSync(home, { recursive: true });
    const sshd = await startSshd({
      dir: join(dir, 'sshd', name),
      authorizedKeys: `${publicKey}\n`,
      ...(more?.HOME === undefined ? { home } : {}),
      ...options,
      env: { AW_STATE_DIR: join(dir, 'remote', name), PATH: `${bin}:/usr/bin:/bin`, ...more },
    });
    sshds[name] = sshd;
    know(sshd.port, sshd.publicKey, sshd.address);
  }
  const entries = hosts.map(host => ({
    os: 'linux',
    workspace: fleet.workspace(host.name),
    address: sshds[host.name]!.address,
    port: sshds[host.name]!.port,
    sshUser: userInfo().username,
    env: { AW_TEST_FLEET: dir },
    ...host,
  }));
  writeFileSync(fleet.hostsFile, JSON.stringify({ hosts: entries }));
  let catalogues = 0;
  return {
    ...fleet,
    sshds,
    ssh,
    publicKey,
    know,
    entry: host => entries.find(({ name }) => name === host)!,
    catalogue: own => {
      const file = join(dir, `hosts-${catalogues++}.json`);
      writeFileSync(file, JSON.stringify({ hosts: own }));
      return ['--hosts', file];
    },
    stop: async () => {
      const stopped = await fleet.aw(['agent', 'followers', 'stop', '--all', '--force']);
      for (const sshd of Object.values(sshds)) await sshd.stop();
      writeFileSync(
        fleet.hostsFile,
        JSON.stringify({ hosts: [{ name: 'none', os: 'linux', workspace: dir }] }),
      );
      await fleet.stop();
      if (stopped.code !== 0) throw new Error(`stop: ${stopped.stderr}`);
    },
  };
}

/** ssh takes its home from the user database: this one is told where the fleet's is. */
function writeClient({ dir, env }: Fleet, ssh: string): void {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(ssh, 'client_config'),
    `UserKnownHostsFile "${join(ssh, 'known_hosts')}"\nIdentityFile "${join(ssh, 'id_ed25519')}"\n`,
  );
  const real = execFileSync('sh', ['-c', 'command -v ssh'], { encoding: 'utf8' }).trim();
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec ${real} -F '${join(ssh, 'client_config')}' "$@"\n`);
  chmodSync(join(bin, 'ssh'), 0o755);
  env.PATH = `${bin}:${env.PATH}`;
}

/** Agents are children of a login for a while, so only what is an sshd counts. */
function sshdsBelow(root: number): number[] {
  const parents = new Map<number, number>();
  const sshds = new Set<number>();
  for (const name of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [, command, parent] = /\((.*)\) \w (\d+)/.exec(stat) ?? [];
      parents.set(Number(name), Number(parent));
      if (command?.startsWith('sshd') === true) sshds.add(Number(name));
    } catch {
      // It has just ended.
    }
  }
  return [...sshds].filter(pid => {
    for (let at = parents.get(pid); at !== undefined && at > 1; at = parents.get(at)) {
      if (at === root) return true;
    }
    return false;
  });
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Free a moment ago; nothing else on this machine takes it in between but by chance. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
