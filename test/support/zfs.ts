/** A real ZFS, in user space (`zfs-fuse`), with a pool in a file. It has no `.zfs`: its snapshots are read by cloning them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './fleet.ts';
import { requires } from './require.ts';

const PROGRAMS = ['/usr/sbin/zfs-fuse', '/usr/sbin/zfs', '/usr/sbin/zpool'];
/** Where the programs find it: there is one of it on a machine. */
const SOCKET = '/var/run/zfs/zfs_socket';
const SIZE = 256 * 1024 * 1024;

export interface Pool {
  name: string;
  /** Of its first dataset. */
  path: string;
  zfs(...args: string[]): string;
  /** All that a snapshot holds, to be read below the path returned, until `drop`. */
  clone(snapshot: string): { path: string; drop(): Promise<void> };
  destroy(): Promise<void>;
}

/** Only root may, and only where no other ZFS is at work. */
export const hasZfs = requires(
  'zfs',
  process.getuid?.() === 0 &&
    ['/dev/fuse', ...PROGRAMS].every(path => existsSync(path)) &&
    !existsSync('/dev/zfs') &&
    !isServing(),
);

export async function makePool(): Promise<Pool> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-zfs-')));
  const name = `aw${process.pid}`;
  const path = join(dir, 'root');
  const image = join(dir, 'image');
  writeFileSync(image, '');
  truncateSync(image, SIZE);
  mkdirSync(path);
  const daemon = spawn('/usr/sbin/zfs-fuse', ['--no-daemon', '--no-kstat-mount'], { stdio: 'ignore' });
  const end = async () => {
    await stop(daemon);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await eventually(isServing, 'zfs-fuse answers');
    run('zpool', 'create', '-m', path, name, image);
  } catch (error) {
    await end();
    throw error;
  }
  let clones = 0;
  // The kernel lets go of what was in use in its own time: what is busy is destroyed a moment later.
  return {
    name,
    path,
    zfs: (...args) => run('zfs', ...args),
    clone(snapshot) {
      const number = ++clones;
      const at = join(dir, `clone-${number}`);
      const clone = `${name}/clone-${number}`;
      run('zfs', 'clone', '-o', 'readonly=on', '-o', `mountpoint=${at}`, snapshot, clone);
      const isGone = () => succeeds('zfs', 'destroy', '-f', clone);
      return { path: at, drop: () => eventually(isGone, `${clone} can be destroyed`) };
    },
    async destroy() {
      try {
        await eventually(() => succeeds('zpool', 'destroy', '-f', name), `${name} can be destroyed`);
      } finally {
        await end();
      }
    },
  };
}

function isServing(): boolean {
  return existsSync(SOCKET) && succeeds('zpool', 'list');
}

function succeeds(program: string, ...args: string[]): boolean {
  try {
    run(program, ...args);
    return true;
  } catch {
    return false;
  }
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  const late = setTimeout(() => daemon.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(late);
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
}
