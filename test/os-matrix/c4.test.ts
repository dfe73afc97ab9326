/**
 * C4: a large tree costs a follower nothing while nobody works with it, and what is ignored is not even looked at. With
 * AW_SLOW=1 the tree has 100,000 files and the rest lasts a minute.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FENCED, fence, fencedRun } from '../support/fence.ts';
import { eventually, type Fleet, makeFleet } from '../support/fleet.ts';
import { requires } from '../support/require.ts';

const isSlow = process.env.AW_SLOW === '1';
const DIRECTORIES = isSlow ? 400 : 40;
const FILES = 250;
/** Milliseconds of rest, and the seconds of work that each process may have in it: a twentieth. */
const REST = isSlow ? 60_000 : 10_000;
const ALLOWED = (REST / 1000) * 0.05;
/** Of `/proc/PID/stat`, a second. */
const TICKS = 100;
const timeout = 600_000;

/** Whoever reads a directory sets its time of access where that lies before the one of its change; not on every mount. */
function forget(path: string): void {
  utimesSync(path, 1000, statSync(path).mtime);
}
const wasRead = (path: string) => statSync(path).atimeMs !== 1_000_000;

function tellsReads(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'aw-atime-'));
  forget(directory);
  readdirSync(directory);
  const isTold = wasRead(directory);
  rmdirSync(directory);
  return isTold;
}

let fleet: Fleet;
beforeAll(async () => {
  fleet = makeFleet([{ name: 'a' }, { name: 'b' }]);
  for (let directory = 0; directory < DIRECTORIES; directory++) {
    const path = join(fleet.project, 'src', `part-${directory}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < FILES; file++)
      writeFileSync(join(path, `file-${file}.ts`), `${directory} ${file}\n`);
  }
  mkdirSync(join(fleet.project, 'node_modules/dep'), { recursive: true });
  writeFileSync(join(fleet.project, 'node_modules/dep/index.js'), '');
}, timeout);
// Hundreds of thousands of files take long to remove on a busy disk.
afterAll(() => fleet.stop(), 3 * timeout);

/** CPU seconds so far of every process of the fleet, all of its threads. */
function work(): Map<number, number> {
  const seconds = fleet.processes().map((pid): [number, number] => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return [pid, (Number(fields[11]) + Number(fields[12])) / TICKS];
  });
  return new Map(seconds);
}

test('C4: after a fence and a run everybody rests', { timeout }, async () => {
  const { hosts } = await fence(fleet, '--timeout', '500');
  const count = DIRECTORIES * FILES;
  for (const { state, error, changes } of Object.values(hosts)) {
    expect({ state, error }).toEqual({ state: 'consistent' });
    expect(changes).toBeGreaterThan(count);
  }
  expect((await fencedRun(fleet, ['--', 'true'])).code).toBe(0);
  await eventually(() => fleet.processes().length > 0, 'the agents and the leader are there');

  const before = work();
  expect(before.size).toBeGreaterThanOrEqual(3);
  await sleep(REST);
  const after = work();
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
  for (const [pid, seconds] of after) expect(seconds - before.get(pid)!).toBeLessThan(ALLOWED);
});

test.skipIf(!requires('atime', tellsReads()))(
  'C4: what is ignored is read neither on the leader nor on a follower',
  { timeout },
  async () => {
    const roots = [fleet.project, fleet.workspace('a'), fleet.workspace('b')];
    for (const root of roots) mkdirSync(join(root, 'node_modules/dep'), { recursive: true });
    const places = (name: string) => roots.map(root => join(root, name));
    const ignored = [...places('node_modules'), ...places('node_modules/dep')];
    for (const path of [...ignored, ...places('src/part-1')]) forget(path);
    const result = await fleet.aw(['agent', 'run-everywhere', '--', 'true'], { env: FENCED });
    expect(result.code).toBe(0);
    expect((await fleet.aw(['agent', 'followers', 'check'])).code).toBe(0);
    expect(places('src/part-1').map(wasRead)).toEqual([true, true, true]);
    expect(ignored.map(wasRead)).toEqual(Array(6).fill(false));
  },
);
