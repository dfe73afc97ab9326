/** Ctrl-C ends everything everywhere and says so; nothing survives. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, exitOf, type Fleet, makeFleet, parseEvents } from '../support/fleet.ts';

let fleet: Fleet;
beforeAll(() => {
  fleet = makeFleet(['a', 'b', 'c'].map(name => ({ name, shell: 'bash' as const })));
});
afterAll(() => fleet.stop());

/** Pids whose environment says they belong to a run of this fleet. */
function runProcesses(): number[] {
  return fleet.processes().filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes('AW_RUN_ID=');
    } catch {
      return false;
    }
  });
}

async function interrupted(
  script: string,
  perHost: number,
  interrupt: (child: ChildProcess) => Promise<void> | void,
) {
  const child = fleet.start(['agent', 'run-everywhere', '--output', 'json', '--grace', '1', '-c', script]);
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout!.on('data', chunk => stdout.push(chunk));
  child.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  await eventually(() => runProcesses().length >= 3 * perHost, `${perHost} processes on each host`);
  await interrupt(child);
  const [code] = await once(child, 'close');
  return { code, events: () => parseEvents(Buffer.concat(stdout)), stderr };
}

test('one Ctrl-C: a polite child ends by itself, the verdict is cancelled, the exit code 130', async () => {
  const run = await interrupted(
    'trap "echo bye; exit 0" INT; sleep 300 & wait',
    2,
    child => void child.kill('SIGINT'),
  );
  expect(run.code).toBe(130);
  for (const host of ['a', 'b', 'c']) {
    expect(exitOf(run.events(), host)).toMatchObject({ reason: 'cancelled', survivors: [] });
  }
  expect(run.stderr).toContain('3/3 hosts: all processes gone');
  expect(runProcesses()).toEqual([]);
});

test('children that ignore INT and TERM, in sessions of their own, are found and killed', async () => {
  const script = `trap "" INT TERM; setsid -f sh -c 'trap "" INT TERM; sleep 300; :'; (setsid sleep 301 &) ; sleep 302`;
  const run = await interrupted(script, 4, child => void child.kill('SIGINT'));
  expect(run.code).toBe(130);
  expect(run.stderr).toContain('3/3 hosts: all processes gone');
  expect(runProcesses()).toEqual([]);
});

test('a second Ctrl-C kills at once', async () => {
  const run = await interrupted('trap "" INT TERM; sleep 303; sleep 303', 2, async child => {
    child.kill('SIGINT');
    await new Promise(wake => setTimeout(wake, 300));
    child.kill('SIGINT');
  });
  expect(run.code).toBe(130);
  expect(runProcesses()).toEqual([]);
});

test('a closed stdout ends the run, as for any program in a pipe', async () => {
  const run = await interrupted('yes', 1, child => {
    child.stdout!.destroy();
  });
  expect(run.code).not.toBe(0);
  await eventually(() => runProcesses().length === 0, 'nothing is left');
});
