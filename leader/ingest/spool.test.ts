import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JournalItem } from '../journal.ts';
import { isDelivered } from './acknowledgement.ts';
import { openSpool, type Spool, type SpoolLimits } from './spool.ts';

let directory: string;
let spools: Spool[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aw-spool-'));
  spools = [];
});
afterEach(async () => {
  for (const spool of spools) await spool.close().catch(() => {});
  rmSync(directory, { recursive: true });
});

const file = () => join(directory, 'spool.ndjson');
const ignore = { onWritten: () => {}, onFault: () => {} };
const open = async (limits?: SpoolLimits): Promise<Spool> => {
  const spool = await openSpool(directory, ignore, limits);
  spools.push(spool);
  return spool;
};
const item = (seq: number, fields: object = {}): JournalItem => {
  const event = {
    type: 'hostLog' as const,
    ts: '2026-11-22T10:00:00.000Z',
    origin: 'follower' as const,
    epoch: 'e',
    seq,
    host: 'a',
    stream: 'stdout' as const,
    message: `ünïcode ☃ ${seq}\n`,
    ...fields,
  };
  return { event, line: JSON.stringify(event) };
};
const fill = async (spool: Spool, count: number, from = 0) => {
  for (let seq = from; seq < from + count; seq++) void spool.append(item(seq));
  await spool.written();
};
const seqs = (bytes: Buffer): number[] =>
  bytes
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).seq);
const readAll = async (spool: Spool): Promise<number[]> => {
  const all = [];
  for (let batch = await spool.read(200, 100); batch !== undefined; batch = await spool.read(200, 100)) {
    all.push(...seqs(batch.bytes));
    spool.acknowledge(batch.end);
  }
  return all;
};

test('what goes in comes out in order, in batches of whole lines', async () => {
  const spool = await open();
  await fill(spool, 25);
  const first = await spool.read(1, 100);
  expect(seqs(first!.bytes)).toEqual([0]);
  expect(seqs((await spool.read(1e6, 3))!.bytes)).toEqual([0, 1, 2]);
  expect(await readAll(spool)).toEqual(Array.from({ length: 25 }, (_, seq) => seq));
  expect(spool.pending).toBe(0);
  expect(await spool.read(100, 1)).toBeUndefined();
});

test('the same event twice is one event, also after opening again', async () => {
  const spool = await open();
  await fill(spool, 3);
  await fill(spool, 4);
  await spool.close();
  const again = await open();
  await fill(again, 5);
  expect(await readAll(again)).toEqual([0, 1, 2, 3, 4]);
});

test('what was acknowledged is not given out again', async () => {
  const spool = await open();
  await fill(spool, 5);
  const batch = await spool.read(1e6, 2);
  spool.acknowledge(batch!.end);
  await spool.close();
  expect(isDelivered(directory)).toBe(false);
  const again = await open();
  expect(await readAll(again)).toEqual([2, 3, 4]);
  expect(isDelivered(directory)).toBe(true);
});

test('an acknowledgement that cannot be read, or is of another spool, counts for nothing', async () => {
  const spool = await open();
  await fill(spool, 3);
  await readAll(spool);
  await spool.close();
  for (const text of [
    '',
    '{"gene',
    '{"generation":7,"acknowledged":400}',
    '{"generation":0,"acknowledged":-3}',
  ]) {
    writeFileSync(join(directory, 'spool.ack'), text);
    const again = await open();
    expect((await again.read(1e6, 10))!.bytes.length).toBe(again.pending);
    expect(seqs((await again.read(1e6, 10))!.bytes)).toEqual([0, 1, 2]);
    await again.close();
  }
});

test('a leader killed at any byte of a write: the whole lines stay, the rest can be added again', async () => {
  const spool = await open();
  await fill(spool, 3);
  await spool.close();
  const whole = readFileSync(file());
  const lastLine = whole.lastIndexOf(10, whole.length - 2) + 1;
  for (let length = lastLine; length <= whole.length; length++) {
    writeFileSync(file(), whole);
    truncateSync(file(), length);
    rmSync(join(directory, 'spool.ack'));
    const again = await open();
    await fill(again, 4);
    expect(await readAll(again)).toEqual([0, 1, 2, 3]);
    await again.close();
  }
});

test('a leader killed at any byte of the first line: a new spool', async () => {
  const spool = await open();
  await fill(spool, 1);
  await spool.close();
  const header = readFileSync(file()).indexOf(10);
  for (let length = 0; length <= header; length++) {
    truncateSync(file(), length);
    const again = await open();
    await fill(again, 2);
    expect(await readAll(again)).toEqual([0, 1]);
    await again.close();
  }
});

test('noise in the middle, as lost power leaves it: all before it stays, what follows is asked for again', async () => {
  const spool = await open();
  await fill(spool, 6);
  await readAll(spool);
  await spool.close();
  const bytes = readFileSync(file());
  const third = bytes.indexOf('"seq":3');
  bytes.fill(0, third, third + 5);
  writeFileSync(file(), bytes);
  const again = await open();
  await fill(again, 6);
  expect(await readAll(again)).toEqual([3, 4, 5]);
});

test('facts for whoever goes on: what the leader itself said of a host', async () => {
  const spool = await open();
  const leader = { origin: 'leader', epoch: 'l' };
  await spool.append(item(0, { ...leader, type: 'hostExited', host: 'b', code: null, reason: 'lost' }));
  await spool.append(item(0, { type: 'hostExited', code: 0 }));
  await spool.close();
  const { facts } = await open();
  expect(Object.keys(facts.exits)).toEqual(['b']);
});

test('events without numbers cannot be told apart and are all kept', async () => {
  const spool = await open();
  const bare = item(0, { epoch: undefined, seq: undefined });
  await spool.append(bare);
  await spool.append(bare);
  await spool.written();
  expect((await spool.read(1e6, 10))!.bytes.toString().trimEnd().split('\n')).toHaveLength(2);
});

test('at the cap appending waits until the service took something', async () => {
  const spool = await open({ cap: 1000, renewAt: 1e9 });
  let seq = 0;
  let wait: Promise<void> | undefined;
  while (wait === undefined) {
    wait = spool.append(item(seq++));
    await spool.written();
  }
  expect(spool.pending).toBeGreaterThanOrEqual(1000);
  let goes = false;
  void wait.then(() => (goes = true));
  await new Promise(setImmediate);
  expect(goes).toBe(false);
  spool.acknowledge((await spool.read(300, 100))!.end);
  await wait;
  spool.acknowledge((await spool.read(1e6, 100))!.end);
  expect(spool.append(item(seq))).toBeUndefined();
});

test('whoever is in a hurry does not wait', async () => {
  const spool = await open({ cap: 10, renewAt: 1e9 });
  await fill(spool, 1);
  const waits = spool.append(item(1));
  expect(waits).toBeInstanceOf(Promise);
  spool.neverWait();
  await waits;
  expect(spool.append(item(2))).toBeUndefined();
});

test('a spool that was taken completely is begun anew, and still knows what it held', async () => {
  const limits = { cap: 1e6, renewAt: 2000 };
  const spool = await open(limits);
  const all = [];
  for (let round = 0; round < 10; round++) {
    await fill(spool, 10, round * 10);
    all.push(...(await readAll(spool)));
    await spool.written();
    expect(statSync(file()).size).toBeLessThan(4000);
  }
  expect(all).toEqual(Array.from({ length: 100 }, (_, seq) => seq));
  await fill(spool, 100);
  expect(spool.pending).toBe(0);
  await fill(spool, 3, 100);
  await spool.close();
  const again = await open(limits);
  await fill(again, 104);
  expect(await readAll(again)).toEqual([100, 101, 102, 103]);
});

test('a disk that fails ends the spool, not the run', async () => {
  const faults: string[] = [];
  const spool = await openSpool(
    directory,
    { onWritten: () => {}, onFault: error => faults.push(error.code) },
    { cap: 1e6, renewAt: 100 },
  );
  spools.push(spool);
  await fill(spool, 3);
  rmSync(directory, { recursive: true });
  // Beginning anew needs the directory.
  spool.acknowledge((await spool.read(1e6, 10))!.end);
  await spool.written();
  expect(faults).toEqual(['AW_DISK']);
  expect(spool.append(item(9))).toBeUndefined();
  expect(spool.pending).toBe(0);
  await spool.close();
  mkdirSync(directory);
});
