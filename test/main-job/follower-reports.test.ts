/** `--follower-reports`: followers report to the service themselves, each with a token for its own events alone. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Event, eventIdentity } from '../../contract/events.ts';
import { eventually, exitOf, type Fleet, makeFleet, outputOf, parseEvents } from '../support/fleet.ts';
import { createSession, type Service, startService, storedEvents } from '../support/service.ts';

const hosts = ['a', 'b'];
let fleet: Fleet;
let service: Service;
let session: string;

beforeAll(async () => {
  fleet = makeFleet(hosts.map(name => ({ name, shell: 'sh' as const })));
  service = await startService({ dir: fleet.dir, env: fleet.env });
});
afterAll(async () => {
  await service.kill();
  await fleet.stop();
});
beforeEach(async () => {
  session = await createSession(service.url);
});

const reporting = () => ['--follower-reports', '--service', service.url, '--session', session];
const identities = (events: readonly Event[]) =>
  events.filter(({ origin }) => origin === 'follower').map(event => JSON.stringify(eventIdentity(event)));

test('what comes both ways is stored once', async () => {
  const run = await fleet.run([...reporting(), '-c', 'echo one; sleep 0.1; echo two >&2; exit 3']);
  expect(run.code).toBe(1);
  const stored = await storedEvents(service.url, session);
  expect(identities(stored).toSorted()).toEqual(identities(run.events).toSorted());
  for (const host of hosts) {
    expect(outputOf(stored, host).toString()).toBe('one\n');
    expect(exitOf(stored, host)).toMatchObject({ code: 3 });
  }
});

test('without its leader the service gets the rest all the same, and attaching afterwards adds nothing twice', async () => {
  const args = [
    ...reporting(),
    '-c',
    'echo one; touch there; until [ -e go ]; do sleep 0.02; done; echo two',
  ];
  const leader = fleet.start(['agent', 'run-everywhere', '--no-daemon', '--output', 'json', ...args]);
  let printed = '';
  leader.stdout!.on('data', chunk => {
    printed += chunk;
  });
  const isThere = (host: string) => existsSync(join(fleet.workspace(host), 'there'));
  await eventually(() => hosts.every(isThere) && printed.includes('\n'), 'both run');
  leader.kill('SIGKILL');
  for (const host of hosts) writeFileSync(join(fleet.workspace(host), 'go'), '');

  let stored: Event[] = [];
  const ends = () => stored.filter(({ type }) => type === 'hostExited').length;
  for (let tries = 0; ends() < hosts.length && tries < 200; tries++) {
    await new Promise(wake => setTimeout(wake, 50));
    stored = await storedEvents(service.url, session);
  }
  for (const host of hosts) {
    expect(outputOf(stored, host).toString()).toBe('one\ntwo\n');
    expect(exitOf(stored, host)).toMatchObject({ reason: 'exited', code: 0 });
  }
  expect(stored.filter(({ type }) => type === 'summary')).toEqual([]);

  const runId = JSON.parse(printed.split('\n')[0]!).runId as string;
  const attached = await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);
  expect(attached.code).toBe(0);
  const after = await storedEvents(service.url, session);
  expect(identities(after).toSorted()).toEqual(identities(parseEvents(attached.stdout)).toSorted());
  expect(after.filter(({ type }) => type === 'summary')).toHaveLength(1);
});

test('neither the service nor an agent grows with the output', async () => {
  const MiB = 160;
  const leader = fleet.start([
    ...['agent', 'run-everywhere', '--host', 'a', '--output', 'json', ...reporting()],
    ...['--', 'head', '-c', String(MiB * 1024 * 1024), '/dev/urandom'],
  ]);
  leader.stdout!.resume();
  expect(await once(leader, 'close')).toEqual([0, null]);
  const peaks = fleet.processes().map(pid => {
    const kib = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
    return Number(kib) / 1024;
  });
  expect(peaks.length).toBeGreaterThan(2);
  for (const peak of peaks) expect(peak).toBeLessThan(250);
});

test('the command sees nothing of the token that its follower reports with', async () => {
  const run = await fleet.run([...reporting(), '--', 'env']);
  const shown = Buffer.concat(hosts.map(host => outputOf(run.events, host))).toString();
  expect(shown).toContain('AW_RUN_ID=');
  expect(shown).not.toMatch(/token/i);
});
