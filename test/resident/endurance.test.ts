/** The resident leader after much work is what it was before: no file, no connection and no memory is kept of a run. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunOrder } from '../../contract/leader-api.ts';
import { type Link, openLink } from '../../leader/daemon/link.ts';
import { giveOrder } from '../../leader/daemon/order.ts';
import { type Fleet, makeFleet } from '../support/fleet.ts';

const MiB = 1024 * 1024;
let fleet: Fleet;
beforeAll(() => {
  fleet = makeFleet([{ name: 'a', shell: 'sh' }]);
});
afterAll(() => fleet.stop());

const open = (): Promise<Link> => openLink(fleet.env.AW_STATE_DIR!, { start: fleet.env, isNeeded: true });
const nobody = { ask: async () => undefined, say() {}, stdin: () => process.stdin };

/** One command after the other, as many as asked for; the process that led them. */
async function runs(count: number, tail = ['seq', '2000']): Promise<number> {
  let pid = 0;
  for (let done = 0; done < count; done++) {
    const link = await open();
    pid = link.hello.pid;
    const order: RunOrder = {
      type: 'run',
      cwd: fleet.project,
      env: fleet.env,
      runId: link.hello.runId,
      name: 'aw',
      words: [],
      tail,
      options: { grace: 1000, onLeaderLoss: 'continue', fence: false },
    };
    const run = await giveOrder(link, order, nobody, open);
    for await (const _ of run!.events);
    expect(await run!.outcome).toMatchObject({ exitCode: 0 });
  }
  return pid;
}

const files = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
const memory = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;

test('two hundred runs', async () => {
  const pid = await runs(60);
  const before = { files: files(pid), memory: memory(pid) };
  expect(await runs(140)).toBe(pid);
  expect(files(pid)).toBeLessThanOrEqual(before.files + 2);
  expect(memory(pid) - before.memory).toBeLessThan(24 * MiB);
}, 240_000);

test('much output does not stay in memory', async () => {
  const loud = ['seq', '1500000'];
  const pid = await runs(3, loud);
  const before = memory(pid);
  expect(await runs(12, loud)).toBe(pid);
  expect(memory(pid) - before).toBeLessThan(48 * MiB);
  expect(memory(pid)).toBeLessThan(300 * MiB);
}, 240_000);
