/** `kill -9` of the resident leader, or of the command that watches it: nothing is lost, nothing comes twice. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { eventually, exitOf, type Fleet, makeFleet, outputOf, parseEvents } from '../support/fleet.ts';

const UNTIL_TOLD =
  'i=0; until [ -e go ]; do i=$((i+1)); echo line $i; echo $i > progress; sleep 0.01; done; echo end';
const hosts = ['a', 'b'];
let fleet: Fleet;

beforeAll(() => {
  fleet = makeFleet(hosts.map(name => ({ name, shell: 'sh' as const })));
  // Who leads is the question here, not what files there are.
  fleet.env.AW_NO_FENCE = '1';
});
afterAll(() => fleet.stop());
beforeEach(() => {
  for (const host of hosts)
    for (const name of ['go', 'progress', 'up', 'half', 'more', 'got'])
      rmSync(file(host, name), { force: true });
});

const file = (host: string, name: string) => join(fleet.workspace(host), name);
const progress = (host: string) =>
  existsSync(file(host, 'progress')) ? Number(readFileSync(file(host, 'progress'), 'utf8') || 0) : 0;
const go = () => {
  for (const host of hosts) writeFileSync(file(host, 'go'), '');
};
const leader = () =>
  fleet.processes().find(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('aw-leader.js');
    } catch {
      return false;
    }
  });

interface Started {
  command: ChildProcess;
  printed(): Buffer;
  stderr(): string;
}

async function started(...args: string[]): Promise<Started> {
  const command = fleet.start(['agent', 'run-everywhere', '--output', 'json', '--grace', '0.5', ...args]);
  const stdout: Buffer[] = [];
  let stderr = '';
  command.stdout!.on('data', chunk => stdout.push(chunk));
  command.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  return { command, printed: () => Buffer.concat(stdout), stderr: () => stderr };
}

async function running(...args: string[]): Promise<Started & { runId: string }> {
  const run = await started(...args, '-c', UNTIL_TOLD);
  await eventually(
    () => hosts.every(host => progress(host) > 10) && run.printed().includes('\n'),
    'both print',
  );
  return { ...run, runId: JSON.parse(run.printed().toString().split('\n')[0]!).runId };
}

async function killLeader(): Promise<void> {
  const pid = leader();
  process.kill(pid!, 'SIGKILL');
  await eventually(() => leader() !== pid, 'it is gone');
}

const select = (names: string[]) => names.flatMap(name => ['--host', name]);

function expectWhole(events: Event[]) {
  for (const host of hosts) {
    const lines = outputOf(events, host).toString().split('\n');
    const count = Number(readFileSync(file(host, 'progress'), 'utf8'));
    expect(lines).toEqual([...Array.from({ length: count }, (_, index) => `line ${index + 1}`), 'end', '']);
    const numbers = events.flatMap(event =>
      'host' in event && event.host === host && event.origin === 'follower' ? [event.seq] : [],
    );
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(exitOf(events, host)).toMatchObject({ reason: 'exited', code: 0 });
  }
  expect(events.filter(({ type }) => type === 'summary')).toHaveLength(1);
}

async function record(runId: string) {
  const { stdout } = await fleet.aw(['agent', 'runs', 'list', '--json']);
  const records = stdout
    .toString()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  return records.find(each => each.runId === runId);
}

const runProcesses = (runId: string) =>
  fleet.processes().filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`AW_RUN_ID=${runId}`);
    } catch {
      return false;
    }
  });

test.each(['continue', 'cancel'])(
  'of the leader, twice (%s): the command goes on with the next one and shows every byte once',
  async policy => {
    const { command, printed, stderr } = await running('--on-leader-loss', policy);
    for (let kills = 1; kills <= 2; kills++) {
      await killLeader();
      await eventually(() => stderr().split('goes on with this run').length > kills, 'another goes on');
      const before = progress('a');
      await eventually(() => progress('a') > before + 20, 'the run goes on');
    }
    go();
    const [code] = await once(command, 'close');
    expect(code).toBe(0);
    expectWhole(parseEvents(printed()));
    expect(stderr().trim().split('\n')).toHaveLength(2);
  },
);

test('of the leader, then Ctrl-C: the next one ends the run', async () => {
  const { command, runId, stderr, printed } = await running();
  await killLeader();
  await eventually(() => stderr().includes('goes on with this run'), 'another goes on');
  command.kill('SIGINT');
  const [code] = await once(command, 'close');
  expect(code).toBe(130);
  expect(stderr()).toContain('2/2 hosts: all processes gone');
  for (const host of hosts)
    expect(exitOf(parseEvents(printed()), host)).toMatchObject({ reason: 'cancelled' });
  expect(runProcesses(runId)).toEqual([]);
});

test('down in the middle of a run: the command goes on, and down says what runs there are', async () => {
  const { command, runId, printed } = await running();
  const down = await fleet.aw(['agent', 'fleet', 'down']);
  expect(down.stdout.toString()).toContain(`run ${runId}: goes on at its followers`);
  go();
  expect(await once(command, 'close')).toEqual([0, null]);
  expectWhole(parseEvents(printed()));
});

test('of the command: the run is led to its end with nobody watching', async () => {
  const { command, runId } = await running();
  command.kill('SIGKILL');
  await once(command, 'close');
  const { stdout } = await fleet.aw(['agent', 'fleet', 'status', '--json']);
  expect(JSON.parse(stdout.toString()).runs).toEqual([expect.objectContaining({ runId, watched: false })]);
  go();
  await eventually(
    () => hosts.every(host => runProcesses(runId).length === 0 && progress(host) > 0),
    'it ends',
  );
  for (let tries = 0; (await record(runId)).state !== 'ended'; tries++) expect(tries).toBeLessThan(100);
  expect(await record(runId)).toMatchObject({ outcome: { exitCode: 0, summary: { passed: hosts } } });
  const attached = await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);
  expectWhole(parseEvents(attached.stdout));
});

test('of the command with --on-leader-loss cancel: the run is cancelled', async () => {
  const { command, runId } = await running('--on-leader-loss', 'cancel');
  command.kill('SIGKILL');
  await eventually(() => runProcesses(runId).length === 0, 'the children are ended');
  for (let tries = 0; (await record(runId)).state !== 'ended'; tries++) expect(tries).toBeLessThan(100);
  expect(await record(runId)).toMatchObject({ outcome: { exitCode: 130 } });
});

test.each([[['a']], [['a', 'b']]])(
  'of the command while it gives input to %j: nobody takes half of it for the whole',
  async names => {
    const { command, printed } = await started('--stdin', ...select(names), '--', 'sh', '-c', 'echo up; cat');
    command.stdin!.write('half of it\n');
    await eventually(() => printed().toString().split('half of it').length > names.length, 'all have it');
    const { runId } = JSON.parse(printed().toString().split('\n')[0]!);
    command.kill('SIGKILL');
    await eventually(() => runProcesses(runId).length === 0, 'the children are ended');
    for (let tries = 0; (await record(runId)).state !== 'ended'; tries++) expect(tries).toBeLessThan(100);
    expect((await record(runId)).outcome.summary.passed).toEqual([]);
  },
);

test.each([[['a']], [['a', 'b']]])(
  'of the leader, twice, while it gives input to %j: each host gets every byte once',
  async names => {
    const input = randomBytes(24 * 1024 * 1024);
    const wait = (name: string) => `until [ -e ${name} ]; do sleep 0.01; done`;
    const script = `touch up; ${wait('go')}; head -c 9000000 > got; touch half; ${wait('more')}; cat >> got`;
    const { command, stderr } = await started('--stdin', ...select(names), '-c', script);
    command.stdin!.end(input);
    const all = (name: string) => eventually(() => names.every(host => existsSync(file(host, name))), name);
    const handOver = async (times: number) => {
      await killLeader();
      await eventually(() => stderr().split('goes on with this run').length > times, 'another goes on');
    };
    await all('up');
    await handOver(1);
    go();
    await all('half');
    await handOver(2);
    for (const host of names) writeFileSync(file(host, 'more'), '');
    expect({ closed: await once(command, 'close'), stderr: stderr() }).toMatchObject({ closed: [0, null] });
    for (const host of names) expect(readFileSync(file(host, 'got')).equals(input)).toBe(true);
  },
);

test.each([[['a']], [['a', 'b']]])(
  'of both while input is given to %j: whoever attaches hears that it was cut off',
  async names => {
    const { command, printed } = await started('--stdin', ...select(names), '--', 'sh', '-c', 'echo up; cat');
    command.stdin!.write('half of it\n');
    await eventually(() => printed().toString().split('half of it').length > names.length, 'all have it');
    const { runId } = JSON.parse(printed().toString().split('\n')[0]!);
    command.kill('SIGSTOP');
    await killLeader();
    command.kill('SIGKILL');
    const attached = await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);
    expect(attached.code).toBe(4);
    for (const host of names)
      expect(exitOf(parseEvents(attached.stdout), host)).toMatchObject({
        reason: 'lost',
        error: { code: 'AW_RUN_LOST', message: expect.stringContaining('nobody has the rest of it') },
      });
    await eventually(() => runProcesses(runId).length === 0, 'the children are ended');
    expect(existsSync(join(fleet.env.AW_STATE_DIR!, 'runs', runId, 'input'))).toBe(false);
  },
);
