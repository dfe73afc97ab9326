/** A fence that the resident leader leads is the fence that a command leads by itself: the same words, codes and ends. */
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { empty, fill, read } from '../support/fence.ts';
import { eventually, type Fleet, makeFleet } from '../support/fleet.ts';

const hosts = ['a', 'b'];
const ways = [
  ['through the resident leader', []],
  ['in this process', ['--no-daemon']],
] as const;

let fleet: Fleet;
beforeAll(() => {
  fleet = makeFleet(hosts.map(name => ({ name })));
});
afterAll(() => fleet.stop());
beforeEach(() => {
  empty(fleet, hosts);
  fill(fleet.project, { 'src/one.txt': 'one\n', 'two.txt': 'two\n' });
});

const syncFence = (...args: string[]) => fleet.aw(['agent', 'followers', 'sync-fence', ...args]);
/** Whatever took how long. */
const withoutTimes = (text: string) =>
  text.replaceAll(/"tookMs":\d+/g, '"tookMs":0').replaceAll(/[\d.]+ (?:s|ms) *$/gm, '');
/** Processes of the fleet with this in their command line. */
const running = (...words: string[]) =>
  fleet.processes().filter(pid => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      return words.every(word => line.includes(word));
    } catch {
      return false;
    }
  });
const agentOf = (host: string) => running('aw-follower.js', `/followers/${host}-`)[0]!;
const leaders = () => running('aw-leader.js');

test.each([
  ['a table', []],
  ['records', ['--json']],
])('the same %s either way, of what is well and of what is not', async (_, how) => {
  const told: unknown[] = [];
  for (const [, way] of ways) {
    empty(fleet, hosts);
    const first = await syncFence(...how, ...way);
    expect(first.code).toBe(0);
    for (const host of hosts) expect(read(fleet.workspace(host))).toEqual(read(fleet.project));
    rmSync(fleet.workspace('b'), { recursive: true });
    writeFileSync(fleet.workspace('b'), 'a file');
    const second = await syncFence(...how, ...way);
    expect(second.code).toBe(3);
    rmSync(fleet.workspace('b'));
    told.push(
      [first, second].map(({ code, stdout, stderr }) => [code, withoutTimes(stdout.toString()), stderr]),
    );
  }
  expect(told[0]).toEqual(told[1]);
  expect(JSON.stringify(told[0])).toContain('AW_TREE_ROOT');
});

test.each(ways)('what is wrong with the order, or the project, %s', async (_, way) => {
  expect(await syncFence('--host', 'nobody', ...way)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('error AW_SELECTOR'),
  });
  expect(await syncFence('--all', '--host', 'a', ...way)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('error AW_USAGE'),
  });
  writeFileSync(join(fleet.project, '.agents/mutagen.yml'), 'sync: {defaults: {ignore: {paths: ["/"]}}}');
  try {
    expect(await syncFence(...way)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error AW_IGNORE_PATTERN'),
    });
  } finally {
    rmSync(join(fleet.project, '.agents/mutagen.yml'));
  }
});

test('one leader, one tree, one connection to each host, however often', async () => {
  await syncFence();
  const status = async () =>
    JSON.parse((await fleet.aw(['agent', 'fleet', 'status', '--json'])).stdout.toString());
  const before = await status();
  expect(before.connections).toHaveLength(2);
  writeFileSync(join(fleet.project, 'two.txt'), 'two again\n');
  expect((await fleet.aw(['agent', 'fs-snapshot-and-sync'])).code).toBe(0);
  expect((await syncFence()).code).toBe(0);
  expect(read(fleet.workspace('a'))['two.txt']).toBe('two again\n');
  const after = await status();
  expect(after.pid).toBe(before.pid);
  const madeAt = (of: { connections: { host: string; connectedAt: string }[] }) =>
    of.connections.map(({ host, connectedAt }) => `${host} ${connectedAt}`).toSorted();
  expect(madeAt(after)).toEqual(madeAt(before));
});

test.each(ways)('a host that does not answer is late by itself, %s', async (_, way) => {
  await syncFence();
  const agent = agentOf('b');
  process.kill(agent, 'SIGSTOP');
  try {
    const { code, stdout } = await syncFence('--json', '--timeout', '1', ...way);
    expect(code).toBe(3);
    const records = stdout
      .toString()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(records).toMatchObject([
      { host: 'a', state: 'consistent' },
      { host: 'b', state: 'timeout', error: { code: 'AW_FENCE_TIMEOUT' } },
    ]);
  } finally {
    process.kill(agent, 'SIGCONT');
  }
});

test.each(ways)('Ctrl-C ends it at once, and nothing stays held, %s', async (_, way) => {
  await syncFence();
  writeFileSync(join(fleet.project, 'two.txt'), 'other\n');
  const agent = agentOf('b');
  process.kill(agent, 'SIGSTOP');
  try {
    const command = fleet.start(['agent', 'followers', 'sync-fence', ...way]);
    const closed = once(command, 'close');
    // The other host is through, so this one is at work.
    await eventually(() => read(fleet.workspace('a'))['two.txt'] === 'other\n', 'a is equal');
    command.kill('SIGINT');
    expect(await closed).toEqual([null, 'SIGINT']);
  } finally {
    process.kill(agent, 'SIGCONT');
  }
  expect(await syncFence()).toMatchObject({ code: 0, stderr: '' });
  expect(read(fleet.workspace('b'))['two.txt']).toBe('other\n');
});

test('when the leader is killed over it, the next one does it', async () => {
  await syncFence();
  writeFileSync(join(fleet.project, 'two.txt'), 'later\n');
  const agent = agentOf('b');
  process.kill(agent, 'SIGSTOP');
  const [killed] = leaders();
  const fencing = syncFence('--json');
  try {
    await eventually(() => read(fleet.workspace('a'))['two.txt'] === 'later\n', 'a is equal');
    process.kill(killed!, 'SIGKILL');
  } finally {
    process.kill(agent, 'SIGCONT');
  }
  const { code, stdout, stderr } = await fencing;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.toString().trim().split('\n')).toHaveLength(2);
  expect(read(fleet.workspace('b'))['two.txt']).toBe('later\n');
  expect(leaders()).toHaveLength(1);
  expect(leaders()).not.toContain(killed);
});

test('where no leader can be had, it is done all the same', async () => {
  const result = await fleet.aw(['agent', 'followers', 'sync-fence', '--json'], {
    env: { AW_NO_DAEMON: '1' },
  });
  expect(result).toMatchObject({ code: 0, stderr: '' });
});
