/** Runs over one pool on real agents: nothing is left of them, however many there were and however they ended. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import { eventually } from '../../test/support/fleet.ts';
import { followersList } from '../followers/list.ts';
import { stopFollower } from '../followers/stop.ts';
import { startRun } from '../run-everywhere/start.ts';
import { collect } from '../test-support/stage.ts';
import type { RunSpec } from '../types.ts';
import { createPool, type Pool } from './pool.ts';

let root: string;
let stateDir: string;
let hosts: HostEntry[];
let pool: Pool;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'aw-pool-')));
  stateDir = join(root, 'state');
  hosts = ['a', 'b'].map(name => {
    const workspace = join(root, 'workspaces', name);
    mkdirSync(workspace, { recursive: true });
    return HostEntry.parse({ name, os: 'linux', workspace, shell: 'sh' });
  });
  pool = createPool();
});
afterEach(async () => {
  await pool.close();
  for (const host of hosts) await stopFollower(host, { stateDir, force: true });
  rmSync(root, { recursive: true });
});

const spec = (argv: string[], more: Partial<RunSpec> = {}): RunSpec => ({
  hosts,
  project: root,
  cwd: root,
  command: { kind: 'argv', argv },
  env: {},
  onLeaderLoss: 'continue',
  mapOutput: false,
  expandWorkspace: false,
  detach: false,
  ...more,
});
const run = (argv: string[], more?: Partial<RunSpec>) =>
  startRun(spec(argv, more), { stateDir, connect: pool.connect });
const pidOf = async (host: HostEntry) => (await followersList([host], { stateDir }))[0]!.pid!;
/** Processes whose command line has the word. */
const processes = (word: string) =>
  readdirSync('/proc').filter(name => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(word);
    } catch {
      return false;
    }
  });

test('two hundred runs hold no more than one hundred', async () => {
  const script = new URL('../test-support/many-runs.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', script, JSON.stringify(spec(['true'])), stateDir, '200'],
    { maxBuffer: 1e6 },
  );
  const { looks, left, sockets } = JSON.parse(stdout);
  const [half, all] = looks;
  expect(half.connections).toBe(2);
  expect(all.connections).toBe(2);
  expect(all.files).toBe(half.files);
  // A run that left its events or its streams behind would cost many times this.
  expect(all.heap - half.heap).toBeLessThan(100 * 5_000);
  expect({ left, sockets }).toEqual({ left: [], sockets: 0 });
});

test('two hundred cancelled runs leave no process and no stream', async () => {
  const seconds = `98765.${process.pid}`;
  let started = 0;
  const cancelled = async () => {
    const one = await run(['sleep', seconds], { graceMs: 500 });
    let waiting = hosts.length;
    for await (const event of one.events)
      if (event.type === 'hostStarted' && --waiting === 0) one.cancel('interrupt');
    started++;
    return (await one.outcome).exitCode;
  };
  const exitCodes = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const codes = new Set<number>();
      while (started < 200) codes.add(await cancelled());
      return [...codes];
    }),
  );
  expect(new Set(exitCodes.flat())).toEqual(new Set([130]));
  await eventually(() => processes(seconds).length === 0, 'all are gone');
  expect(pool.status()).toMatchObject([{ leases: 0 }, { leases: 0 }]);
});

test('a run that nobody watches any more goes on, and so do the others on its connection', async () => {
  const word = `98764.${process.pid}`;
  const abandoned = await run(['sh', '-c', `echo on; exec sleep ${word}`]);
  const watched = await run(['sh', '-c', 'sleep 1; echo done']);
  let waiting = hosts.length;
  for await (const event of abandoned.events) if (event.type === 'hostLog' && --waiting === 0) break;
  await abandoned.outcome;
  const { events, outcome } = await collect(watched);
  expect(outcome.exitCode).toBe(0);
  expect(events.filter(event => event.type === 'hostLog')).toHaveLength(2);
  expect(events.filter(({ type }) => type.startsWith('connect.'))).toEqual([]);
  expect(processes(word)).toHaveLength(2);
});

test('a stopped agent is found out before the next run is given to it', async () => {
  await collect(await run(['true']));
  const pid = await pidOf(hosts[0]!);
  process.kill(pid, 'SIGSTOP');
  try {
    await eventually(() => pool.status().length === 1, 'the watch gives it up');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const { events, outcome } = await collect(await run(['true']));
  expect(outcome.exitCode).toBe(0);
  expect(events.filter(({ type }) => type.startsWith('connect.'))).toEqual([]);
});

test.each<[string, (host: HostEntry) => Promise<unknown>]>([
  ['stopped by somebody else', host => stopFollower(host, { stateDir })],
  ['killed', async host => process.kill(await pidOf(host), 'SIGKILL')],
])('an agent that was %s: the next run starts another', async (_, end) => {
  await collect(await run(['true']));
  const before = await pidOf(hosts[0]!);
  await end(hosts[0]!);
  await eventually(() => pool.status().length === 1, 'its connection is gone');
  const { events, outcome } = await collect(await run(['true']));
  expect(outcome.exitCode).toBe(0);
  expect(events.filter(({ type }) => type.startsWith('connect.'))).toEqual([]);
  expect(await pidOf(hosts[0]!)).not.toBe(before);
});
