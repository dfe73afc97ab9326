/** A5: one follower behind a line with 1500 ms delay and 20 % loss. It is late alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isKnown } from '../../contract/events.ts';
import { FENCED, fence, fill, read } from '../support/fence.ts';
import { exitOf, type Fleet, makeFleet, outputOf, parseEvents } from '../support/fleet.ts';
import { slowLink } from '../support/slow-link.ts';

const launcher = resolve(import.meta.dirname, '../../bin/aw-follower.js');
const near = ['a', 'b'];
const weather = { delay: 1500, loss: 0.2 };
let fleet: Fleet;
let agent: ChildProcess;
let port: number;

beforeAll(async () => {
  fleet = makeFleet(near.map(name => ({ name })));
  mkdirSync(fleet.workspace('far'), { recursive: true });
  writeFileSync(join(fleet.dir, 'token'), 'a-token-of-good-length\n', { mode: 0o600 });
  const args = ['serve', '--state-dir', join(fleet.dir, 'far'), '--listen', '127.0.0.1:0'];
  agent = spawn(process.execPath, [launcher, ...args, '--token-file', join(fleet.dir, 'token')], {
    env: fleet.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: agent.stdout! })) {
    port = Number(/tcp:\/\/127\.0\.0\.1:(\d+)/.exec(line)![1]);
    break;
  }
  fill(
    fleet.project,
    Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`d/f${n}`, `content ${n}\n`])),
  );
});
afterAll(async () => {
  agent.kill('SIGTERM');
  if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit');
  await fleet.stop();
});

/** The near followers, and the far one by way of this port. */
function behind(through: number): string[] {
  const entry = (name: string) => ({
    name,
    os: 'linux',
    transport: 'local',
    workspace: fleet.workspace(name),
  });
  const far = { ...entry('far'), socket: `tcp://127.0.0.1:${through}`, tokenFile: join(fleet.dir, 'token') };
  const file = join(fleet.dir, 'hosts.json');
  writeFileSync(file, JSON.stringify({ hosts: [...near.map(entry), far] }));
  return ['--hosts', file];
}

test('A5 it times out alone, says with what, and is consistent as soon as the line is good', async () => {
  const link = await slowLink(port, { ...weather, seed: 5 });
  const late = await fence(fleet, '--timeout', '6', ...behind(link.port));
  expect(late.code).toBe(3);
  const far = late.hosts.far! as (typeof late.hosts)[string] & { tookMs: number };
  expect(far).toMatchObject({ state: 'timeout', error: { code: 'AW_FENCE_TIMEOUT' } });
  expect(far.error!.message).toMatch(
    /^not consistent within 6 s: (?:connecting|waiting for its tree|scanning|comparing|\d+ changes|sending .*|writing)$/,
  );
  expect(link.carried).toBeGreaterThan(0);
  for (const name of near) {
    const host = late.hosts[name]! as typeof far;
    expect(host.state).toBe('consistent');
    expect(host.tookMs).toBeLessThan(far.tookMs);
    expect(read(fleet.workspace(name))).toEqual(read(fleet.project));
  }

  await link.stop();
  const good = await fence(fleet, ...behind(port));
  expect(good).toMatchObject({
    code: 0,
    hosts: { far: { state: 'consistent' }, a: { changes: 0 }, b: { changes: 0 } },
  });
  expect(read(fleet.workspace('far'))).toEqual(read(fleet.project));
});

test('a run goes on without it, where that is asked for', async () => {
  const link = await slowLink(port, { ...weather, seed: 6 });
  const args = ['--on-laggard', 'exclude', '--fence-timeout', '6', '--no-daemon', '--output', 'json'];
  const run = await fleet.aw(
    ['agent', 'run-everywhere', ...args, ...behind(link.port), '--', 'cat', 'd/f1'],
    { env: FENCED },
  );
  await link.stop();
  expect(run.code).toBe(0);
  const events = parseEvents(run.stdout);
  const [fenced] = events.filter(event => isKnown(event, 'fenceResult'));
  expect(fenced!.hosts.far).toMatchObject({ state: 'timeout', code: 'AW_FENCE_TIMEOUT', excluded: true });
  const [summary] = events.filter(event => isKnown(event, 'summary'));
  expect(summary).toMatchObject({ passed: near, failed: [], excluded: ['far'] });
  expect(exitOf(events, 'far')).toMatchObject({ error: { code: 'AW_FENCE_TIMEOUT' } });
  for (const name of near) expect(outputOf(events, name).toString()).toBe('content 1\n');
});

test('the line is only slow: with time enough the follower becomes consistent over it', async () => {
  writeFileSync(join(fleet.project, 'd/f1'), 'another\n');
  const link = await slowLink(port, { delay: 150, loss: weather.loss, seed: 7 });
  const done = await fence(fleet, '--timeout', '120', ...behind(link.port));
  await link.stop();
  expect(done.hosts.far!.error).toBeUndefined();
  expect(done).toMatchObject({ code: 0, hosts: { far: { state: 'consistent', changes: 1 } } });
  expect(read(fleet.workspace('far'))).toEqual(read(fleet.project));
});
