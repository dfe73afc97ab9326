/** `kill -9` of any one process loses nothing, doubles nothing and leaves nothing running unreported. */
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Event, eventIdentity } from '../../contract/events.ts';
import { eventually, exitOf, type Fleet, makeFleet, outputOf, parseEvents } from '../support/fleet.ts';
import { createSession, type Service, startService, storedEvents } from '../support/service.ts';

/** Prints numbered lines until a file named `go` appears, then a last one. */
const UNTIL_TOLD =
  'i=0; until [ -e go ]; do i=$((i+1)); echo line $i; echo $i > progress; sleep 0.02; done; echo end';

let fleet: Fleet;
let service: Service;
let session: string;

beforeAll(async () => {
  fleet = makeFleet([
    { name: 'a', shell: 'bash' },
    { name: 'b', shell: 'sh' },
  ]);
  // The leader is the command itself; what becomes of a resident one is in resident.test.ts.
  fleet.env.AW_NO_DAEMON = '1';
  service = await startService({ dir: fleet.dir, env: fleet.env });
});
afterAll(async () => {
  await service.kill();
  await fleet.stop();
});
beforeEach(async () => {
  session = await createSession(service.url);
});

const hosts = ['a', 'b'];
const file = (host: string, name: string) => join(fleet.workspace(host), name);
const progress = (host: string) =>
  existsSync(file(host, 'progress')) ? Number(readFileSync(file(host, 'progress'), 'utf8') || 0) : 0;

async function started(extra: string[] = []) {
  for (const host of hosts) for (const name of ['go', 'progress']) rmSync(file(host, name), { force: true });
  const leader = fleet.start([
    'agent',
    'run-everywhere',
    '--output',
    'json',
    '--service',
    service.url,
    '--session',
    session,
    '--grace',
    '0.5',
    ...extra,
    '-c',
    UNTIL_TOLD,
  ]);
  const stdout: Buffer[] = [];
  let stderr = '';
  leader.stdout!.on('data', chunk => stdout.push(chunk));
  leader.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  await eventually(() => hosts.every(host => progress(host) > 10), 'both hosts print');
  const first = JSON.parse(Buffer.concat(stdout).toString().split('\n')[0]!);
  return { leader, runId: first.runId as string, printed: () => Buffer.concat(stdout), stderr: () => stderr };
}

const go = () => {
  for (const host of hosts) writeFileSync(file(host, 'go'), '');
};

function expectWholeLog(events: Event[], host: string) {
  const lines = outputOf(events, host).toString().trimEnd().split('\n');
  const numbered = lines.slice(0, -1);
  expect(numbered).toEqual(numbered.map((_, index) => `line ${index + 1}`));
  expect(lines.at(-1)).toBe('end');
  expect(numbered.length).toBeGreaterThan(10);
}

/** No event twice, none missing: each producer's numbers are 0, 1, 2... in order. */
function expectExactlyOnce(events: Event[]) {
  const next = new Map<string, number>();
  for (const event of events) {
    const identity = eventIdentity(event);
    expect(identity).toBeDefined();
    const producer = `${identity!.producer} ${identity!.epoch}`;
    expect([producer, identity!.seq]).toEqual([producer, next.get(producer) ?? 0]);
    next.set(producer, identity!.seq + 1);
  }
}

test('of the leader: the runs go on, attach shows the whole log, the service has every event once', async () => {
  const { leader, runId } = await started();
  leader.kill('SIGKILL');
  await once(leader, 'close');
  const before = hosts.map(progress);
  await eventually(
    () => hosts.every((host, index) => progress(host) > before[index]! + 5),
    'the children go on',
  );
  go();
  const attached = await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);
  expect(attached.code).toBe(0);
  const events = parseEvents(attached.stdout);
  for (const host of hosts) expectWholeLog(events, host);
  expect(events.filter(event => event.type === 'summary')).toHaveLength(1);

  const stored = await storedEvents(service.url, session);
  expectExactlyOnce(stored);
  for (const host of hosts) expectWholeLog(stored, host);
  expect(stored.filter(event => event.type === 'summary')).toHaveLength(1);

  const again = parseEvents((await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json'])).stdout);
  expect(again.filter(event => event.type === 'summary')).toHaveLength(1);
  expect(await storedEvents(service.url, session)).toEqual(stored);
});

test('of the leader with --on-leader-loss cancel: the children are ended', async () => {
  const { leader, runId } = await started(['--on-leader-loss', 'cancel']);
  leader.kill('SIGKILL');
  await eventually(() => {
    const running = fleet.processes().filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`AW_RUN_ID=${runId}`);
      } catch {
        return false;
      }
    });
    return running.length === 0;
  }, 'the children are ended');
  const attached = await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);
  for (const host of hosts)
    expect(exitOf(parseEvents(attached.stdout), host)).toMatchObject({ reason: 'cancelled' });
});

test('of a follower agent: its run is reported lost, the other host is unharmed, nothing is left running', async () => {
  const { leader, runId, printed } = await started();
  const agent = fleet.processes().find(pid => {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
    return text.includes('serve --state-dir') && text.includes(`${join(fleet.dir, 'state')}/followers/a-`);
  });
  expect(agent).toBeDefined();
  process.kill(agent!, 'SIGKILL');
  await eventually(() => printed().toString().includes('"hostExited"'), 'the loss is reported');
  go();
  const [code] = await once(leader, 'close');
  const events = parseEvents(printed());
  expect(exitOf(events, 'a')).toMatchObject({
    reason: 'lost',
    error: { code: 'AW_RUN_LOST' },
    survivors: [],
  });
  expect(exitOf(events, 'b')).toMatchObject({ code: 0, reason: 'exited' });
  expectWholeLog(events, 'b');
  expect(code).toBe(4);
  const left = fleet
    .processes()
    .filter(pid => readFileSync(`/proc/${pid}/environ`, 'latin1').includes(runId));
  expect(left).toEqual([]);
});

test('of the server: nothing is lost once it is back', async () => {
  const { leader, printed } = await started();
  await service.kill('SIGKILL');
  const before = progress('a');
  await eventually(() => progress('a') > before + 20, 'the run goes on without the service');
  service = await startService({ dir: fleet.dir, env: fleet.env, port: Number(new URL(service.url).port) });
  go();
  const [code] = await once(leader, 'close');
  expect(code).toBe(0);
  const stored = await storedEvents(service.url, session);
  expectExactlyOnce(stored);
  const printedEvents = parseEvents(printed());
  for (const host of hosts) {
    expectWholeLog(stored, host);
    expect(outputOf(stored, host).equals(outputOf(printedEvents, host))).toBe(true);
  }
});
