/** The agents of this machine as the leader starts, uses, examines and stops them. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Event, logBytes } from '../../contract/events.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { isAlive, startMark } from '../../tunnel/identity.ts';
import { attachRun } from '../run-everywhere/attach.ts';
import { type RunOptions, startRun } from '../run-everywhere/start.ts';
import type { Run, RunSpec } from '../types.ts';
import { followersDoctor } from './doctor.ts';
import { followersList } from './list.ts';
import { stopFollower } from './stop.ts';

let root: string;
let hosts: HostEntry[];
let options: RunOptions;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'aw-followers-')));
  options = { stateDir: join(root, 'state') };
  hosts = ['a', 'b'].map(name => {
    const workspace = join(root, 'workspaces', name);
    mkdirSync(workspace, { recursive: true });
    return HostEntry.parse({ name, os: 'linux', workspace, shell: 'sh', tags: ['k=v'] });
  });
});
afterEach(async () => {
  for (const host of hosts) await stopFollower(host, { ...options, force: true });
  rmSync(root, { recursive: true });
});

const spec = (argv: string[], more: Partial<RunSpec> = {}): RunSpec => ({
  hosts,
  project: join(root, 'project'),
  cwd: join(root, 'project'),
  command: { kind: 'argv', argv },
  env: {},
  onLeaderLoss: 'continue',
  mapOutput: false,
  expandWorkspace: false,
  detach: false,
  ...more,
});
const collect = async (run: Run): Promise<Event[]> => {
  const events: Event[] = [];
  for await (const event of run.events) events.push(event);
  return events;
};
const output = (events: Event[], host: string): string =>
  Buffer.concat(
    events.flatMap(event =>
      event.type === 'hostLog' && event.host === host ? [logBytes(event as never)] : [],
    ),
  ).toString();

test('agents are started for the first run, serve the second, and are gone when stopped', async () => {
  expect(await followersList(hosts, options)).toMatchObject([
    { name: 'a', state: 'stopped', os: 'linux', transport: 'local', tags: ['k=v'] },
    { name: 'b', state: 'stopped' },
  ]);
  const run = await startRun(spec(['sh', '-c', 'pwd; echo "$AW_HOST $1"', 'sh', "it's"]), options);
  const events = await collect(run);
  expect((await run.outcome).exitCode).toBe(0);
  for (const { name, workspace } of hosts) expect(output(events, name)).toBe(`${workspace}\n${name} it's\n`);

  const [a, b] = await followersList(hosts, options);
  expect(a).toMatchObject({
    state: 'running',
    runs: 0,
    pid: expect.any(Number),
    version: expect.any(String),
  });
  expect(a!.pid).not.toBe(b!.pid);
  await collect(await startRun(spec(['true']), options));
  expect((await followersList(hosts, options)).map(({ pid }) => pid)).toEqual([a!.pid, b!.pid]);

  const mark = startMark(a!.pid!);
  expect(await stopFollower(hosts[0]!, options)).toEqual({ stopped: true, pid: a!.pid });
  expect(isAlive(a!.pid!, mark)).toBe(false);
  expect(await stopFollower(hosts[0]!, options)).toEqual({ stopped: false });
  expect((await followersList(hosts, options)).map(({ state }) => state)).toEqual(['stopped', 'running']);
});

test('what the leader keeps is for its owner alone', async () => {
  await collect(await startRun(spec(['true']), options));
  for (const path of ['followers', 'runs']) {
    expect(statSync(join(options.stateDir!, path)).mode & 0o077).toBe(0);
  }
});

test('an agent killed in a run says afterwards that it was lost', async () => {
  const run = await startRun(
    spec(['sh', '-c', 'echo on; sleep 1000'], { hosts: hosts.slice(0, 1) }),
    options,
  );
  const events: Event[] = [];
  for await (const event of run.events) {
    events.push(event);
    if (event.type !== 'hostLog') continue;
    const [state] = await followersList(hosts, options);
    process.kill(state!.pid!, 'SIGKILL');
  }
  expect((await run.outcome).hosts.a).toMatchObject({ reason: 'lost', survivors: [] });
  expect(events.find(event => event.type === 'hostExited')!.origin).toBe('follower');
});

test('an agent that is stopped while its socket stays open is noticed, and taken up again', async () => {
  const wait = 'echo on; while [ ! -e go ]; do sleep 0.05; done; echo off';
  const run = await startRun(spec(['sh', '-c', wait], { hosts: hosts.slice(0, 1) }), {
    ...options,
    timing: { silence: 600 },
  });
  let pid = 0;
  let degraded: Event | undefined;
  const types: string[] = [];
  for await (const event of run.events) {
    types.push(event.type);
    if (event.type === 'hostLog' && pid === 0) {
      pid = (await followersList(hosts, options))[0]!.pid!;
      process.kill(pid, 'SIGSTOP');
    } else if (event.type === 'connect.path.degraded') {
      degraded = event;
      process.kill(pid, 'SIGCONT');
    } else if (event.type === 'connect.path.restored') {
      writeFileSync(join(hosts[0]!.workspace, 'go'), '');
    }
  }
  expect(JSON.stringify(degraded)).toContain('no sign of life');
  expect((await run.outcome).exitCode).toBe(0);
  expect(types.filter(type => type !== 'hostLog')).toEqual([
    'hostStarted',
    'connect.path.degraded',
    'connect.path.restored',
    'hostExited',
    'summary',
  ]);
});

test('cancel leaves nothing behind', async () => {
  const run = await startRun(
    spec(['sh', '-c', 'trap "" INT TERM; sleep 1000 & echo on; wait'], { graceMs: 100 }),
    options,
  );
  let started = 0;
  for await (const event of run.events) {
    if (event.type === 'hostLog' && ++started === hosts.length) run.cancel('interrupt');
  }
  const { exitCode, hosts: outcomes } = await run.outcome;
  expect(exitCode).toBe(130);
  for (const outcome of Object.values(outcomes))
    expect(outcome).toMatchObject({ reason: 'cancelled', survivors: [] });
});

test('a run in progress keeps its agent, unless it is forced', async () => {
  const run = await startRun(spec(['sleep', '1000'], { detach: true }), options);
  await collect(run);
  expect((await followersList(hosts, options)).map(({ runs }) => runs)).toEqual([1, 1]);
  await expect(stopFollower(hosts[0]!, options)).rejects.toMatchObject({
    code: 'AW_TOO_MANY_RUNS',
    host: 'a',
  });
  await Promise.all(hosts.map(host => stopFollower(host, { ...options, force: true })));
  const attached = await attachRun(run.runId, options);
  await collect(attached);
  for (const { reason } of Object.values((await attached.outcome).hosts))
    expect(['cancelled', 'lost']).toContain(reason);
});

test('doctor', async () => {
  const broken = HostEntry.parse({
    name: 'gone',
    os: 'linux',
    workspace: join(root, 'no'),
    socket: join(root, 'no.sock'),
  });
  const moved = { ...hosts[0]!, workspace: join(root, 'moved') };
  writeFileSync(moved.workspace, '');
  hosts.push(moved);
  const [a, , wrong, unreachable] = await followersDoctor([...hosts, broken], options);
  const status = (report: typeof a, check: string) =>
    report!.findings.find(each => each.check === check)?.status;
  expect(a).toMatchObject({ host: 'a', reachable: true, info: { os: 'linux' } });
  for (const check of ['agent', 'protocol', 'round trip', 'clock', 'workspace', 'state directory']) {
    expect([check, status(a, check)]).toEqual([check, 'ok']);
  }
  expect(a!.findings.length).toBeGreaterThan(6);
  expect(status(wrong, 'workspace')).toBe('failed');
  expect(unreachable).toMatchObject({ reachable: false });
  expect(unreachable!.findings[0]).toMatchObject({
    check: 'agent',
    status: 'failed',
    detail: expect.stringContaining('AW_HOST_UNREACHABLE'),
    fix: `start that agent: aw-follower serve --socket '${broken.socket}'`,
  });
  expect(status(unreachable, 'workspace')).toBe('skipped');
});
