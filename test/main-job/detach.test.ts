/** `--detach` leaves a run going; anybody may watch it from its first byte, more than once and at the same time; cancelling ends it. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, exitOf, type Fleet, makeFleet, outputOf, parseEvents } from '../support/fleet.ts';

const UNTIL_TOLD = 'echo first; until [ -e go ]; do sleep 0.02; done; echo last; exit 5';
const hosts = ['a', 'b'];
let fleet: Fleet;

beforeAll(() => {
  fleet = makeFleet(hosts.map(name => ({ name, shell: 'bash' as const })));
});
afterAll(() => fleet.stop());

async function detached(...args: string[]): Promise<string> {
  const result = await fleet.aw(['agent', 'run-everywhere', '--detach', '--grace', '0.3', ...args]);
  const runId = result.stdout.toString().trim();
  expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining(`aw agent runs attach ${runId}`) });
  return runId;
}

const attach = (runId: string) => fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);

test('two who attach at once, and one afterwards, see the whole log and the verdict', async () => {
  for (const host of hosts) rmSync(join(fleet.workspace(host), 'go'), { force: true });
  const runId = await detached('-c', UNTIL_TOLD);
  const watching = [attach(runId), attach(runId)];
  for (const host of hosts) writeFileSync(join(fleet.workspace(host), 'go'), '');
  for (const result of [...(await Promise.all(watching)), await attach(runId)]) {
    expect(result.code).toBe(1);
    const events = parseEvents(result.stdout);
    expect(events.filter(({ type }) => type === 'summary')).toHaveLength(1);
    for (const host of hosts) {
      expect(outputOf(events, host).toString()).toBe('first\nlast\n');
      expect(exitOf(events, host)).toMatchObject({ reason: 'exited', code: 5 });
    }
  }
});

test('a cancelled one is ended with all its processes, and attaching says so', async () => {
  const runId = await detached('-c', 'trap "" INT TERM; setsid sleep 300 & touch there; sleep 301');
  await eventually(() => hosts.every(host => existsSync(join(fleet.workspace(host), 'there'))), 'both run');
  const cancelled = await fleet.aw(['agent', 'runs', 'cancel', runId]);
  expect(cancelled).toMatchObject({ code: 0 });
  expect(cancelled.stdout.toString()).toContain('2/2 hosts: all processes gone');
  const result = await attach(runId);
  expect(result.code).toBe(130);
  for (const host of hosts) {
    expect(exitOf(parseEvents(result.stdout), host)).toMatchObject({ reason: 'cancelled', survivors: [] });
  }
});

test('a run that nobody knows', async () => {
  for (const name of ['r-none', '../../etc']) {
    expect(await attach(name)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('AW_RUN_NOT_FOUND'),
    });
  }
});
