/** The resident leader after much work is what it was before: no file, no connection and no memory is kept of a run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunOrder } from '../../contract/leader-api.ts';
import { type Link, openLink } from '../../leader/daemon/link.ts';
import { giveOrder } from '../../leader/daemon/order.ts';
import { leaderDirectory, leaderSocket, leaderStart } from '../../leader/daemon/place.ts';
import type { LedRun } from '../../leader/orders/types.ts';
import { eventually, type Fleet, makeFleet } from '../support/fleet.ts';
import { type Heap, openHeap } from '../support/heap.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
/** What a run may leave in the leader on average, where code that is still being compiled leaves a kilobyte or two. */
const LEFT = 8 * KiB;

let fleet: Fleet;
let leader: ChildProcess;
let heap: Heap;
beforeAll(async () => {
  fleet = makeFleet([{ name: 'a', shell: 'sh' }]);
  const stateDir = fleet.env.AW_STATE_DIR!;
  mkdirSync(leaderDirectory(stateDir), { recursive: true, mode: 0o700 });
  const { file, args, env, cwd } = leaderStart(stateDir, leaderSocket(stateDir), fleet.env);
  leader = spawn(file, ['--inspect=127.0.0.1:0', ...args], { env, cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  leader.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  await eventually(() => /ws:\S+\n/.test(stderr) && stderr.includes(`process ${leader.pid}`), 'it listens');
  heap = await openHeap(stderr);
});
afterAll(async () => {
  heap?.close();
  await fleet.stop();
});

const open = (): Promise<Link> => openLink(fleet.env.AW_STATE_DIR!, { isNeeded: true });
const nobody = { ask: async () => undefined, say() {}, stdin: () => process.stdin };

/** One command, led by that leader and no other. */
async function order(tail: string[]): Promise<LedRun> {
  const link = await open();
  expect(link.hello.pid).toBe(leader.pid);
  const wish: RunOrder = {
    type: 'run',
    cwd: fleet.project,
    env: fleet.env,
    runId: link.hello.runId,
    name: 'aw',
    words: [],
    tail,
    options: { grace: 1000, onLeaderLoss: 'continue', fence: false },
  };
  return (await giveOrder(link, wish, nobody, open))!;
}

async function runs(count: number, tail = ['seq', '2000']): Promise<void> {
  for (let done = 0; done < count; done++) {
    const run = await order(tail);
    for await (const _ of run.events);
    expect(await run.outcome).toMatchObject({ exitCode: 0 });
  }
}

async function cancelled(count: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    const run = await order(['sleep', '600']);
    for await (const { type } of run.events) if (type === 'hostStarted') run.cancel('interrupt');
    expect(await run.outcome).toMatchObject({ exitCode: 130 });
  }
}

const agent = () =>
  fleet.processes().filter(pid => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('\0serve\0'));
const openFiles = () => [leader.pid!, ...agent()].map(pid => readdirSync(`/proc/${pid}/fd`).length);
const size = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${leader.pid}/status`, 'utf8'))![1]) * KiB;

test.each([
  ['two hundred runs', runs],
  ['two hundred runs that are cancelled', cancelled],
])(
  '%s',
  async (_, work) => {
    await work(60);
    const before = {
      processes: [leader.pid!, ...agent()].sort(),
      files: openFiles(),
      used: await heap.used(),
    };
    await work(140);
    // An agent makes pipes ahead now and then, with a program of its own.
    await eventually(
      () => fleet.processes().sort().join() === before.processes.join(),
      'nobody else is left',
    );
    for (const [index, count] of openFiles().entries())
      expect(count).toBeLessThanOrEqual(before.files[index]! + 2);
    expect((await heap.used()) - before.used).toBeLessThan(140 * LEFT);
  },
  600_000,
);

test('much output does not stay in memory', async () => {
  const loud = ['seq', '1500000'];
  await runs(3, loud);
  const before = await heap.used();
  await runs(12, loud);
  expect((await heap.used()) - before).toBeLessThan(MiB);
  expect(size()).toBeLessThan(300 * MiB);
}, 600_000);
