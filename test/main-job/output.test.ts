/** A host's output arrives byte for byte, in bounded memory, at the pace of whoever reads it. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logBytes } from '../../contract/events.ts';
import { eventually, exitOf, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';

const MiB = 1024 * 1024;
let fleet: Fleet;
beforeAll(() => {
  fleet = makeFleet([
    { name: 'a', shell: 'bash' },
    { name: 'b', shell: 'bash' },
  ]);
});
afterAll(() => fleet.stop());

test('bytes of both streams, UTF-8 or not, are exact', async () => {
  const bytes = randomBytes(3 * MiB + 1);
  const text = Buffer.from('grüße ☃ 😀\r\n\0 lone \x1b[31m '.repeat(50_000));
  writeFileSync(join(fleet.workspace('a'), 'bytes'), bytes);
  writeFileSync(join(fleet.workspace('a'), 'text'), text);
  const run = await fleet.run(['--host', 'a', '-c', 'cat bytes & cat text >&2; wait']);
  expect(outputOf(run.events, 'a').equals(bytes)).toBe(true);
  expect(outputOf(run.events, 'a', 'stderr').equals(text)).toBe(true);
  expect(exitOf(run.events, 'a')).toMatchObject({
    code: 0,
    bytes: { stdout: bytes.length, stderr: text.length },
  });
});

test('valid text is sent as text even when it comes byte by byte', async () => {
  const script = String.raw`for byte in 342 230 203 360 237 230 200 12; do printf "\\$byte"; sleep 0.02; done`;
  const run = await fleet.run(['--host', 'a', '-c', script]);
  const logs = run.events.filter(event => event.type === 'hostLog');
  expect(logs.filter(log => 'encoding' in log)).toEqual([]);
  expect(outputOf(run.events, 'a').toString()).toBe('☃😀\n');
});

test('a quarter of a GiB of random bytes passes exactly, and no process grows beyond 250 MB', async () => {
  const child = fleet.start([
    'agent',
    'run-everywhere',
    '--host',
    'a',
    '--output',
    'json',
    '-c',
    `head -c ${256 * MiB} /dev/urandom | tee >(sha256sum > digest)`,
  ]);
  const hash = createHash('sha256');
  let peak = 0;
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line);
    if (event.type === 'hostLog' && event.stream === 'stdout') hash.update(logBytes(event));
    if (lines++ % 500 === 0) peak = Math.max(peak, ...fleet.processes().map(peakMemory));
  }
  await eventually(() => existsSync(join(fleet.workspace('a'), 'digest')), 'the digest is written');
  await eventually(() => statSync(join(fleet.workspace('a'), 'digest')).size > 64, 'the digest is complete');
  expect(readFileSync(join(fleet.workspace('a'), 'digest'), 'utf8')).toContain(hash.digest('hex'));
  expect(peak).toBeGreaterThan(0);
  expect(peak).toBeLessThan(250 * MiB);
});

test('a reader that stops reading stops the child', async () => {
  const progress = join(fleet.workspace('a'), 'progress');
  const script =
    'i=0; while [ $i -lt 400 ]; do head -c 1048576 /dev/zero; i=$((i+1)); echo $i > progress; done';
  const child = fleet.start(['agent', 'run-everywhere', '--host', 'a', '--output', 'json', '-c', script]);
  child.stdout!.pause();
  const written = () => (existsSync(progress) ? Number(readFileSync(progress, 'utf8')) : 0);
  await eventually(() => written() > 0, 'the child writes');
  // Still for two seconds: it waits for the reader.
  let last = -1;
  let still = 0;
  await eventually(() => {
    still = written() === last ? still + 1 : 0;
    last = written();
    return still >= 40;
  }, 'the child stands still');
  expect(last).toBeLessThan(200);
  let bytes = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line);
    if (event.type === 'hostLog') bytes += logBytes(event).length;
  }
  expect(bytes).toBe(400 * MiB);
});

test('a slow host delays nobody', async () => {
  const run = await fleet.run(['-c', '[ "$AW_HOST" = b ] && sleep 1; echo done']);
  const order = run.events
    .filter(event => event.type === 'hostExited')
    .map(event => 'host' in event && event.host);
  expect(order).toEqual(['a', 'b']);
});

test('standard streams are pipes that can be opened by name', async () => {
  const run = await fleet.run([
    '--host',
    'a',
    '-c',
    'echo one > /dev/stderr; echo two | tee /dev/stderr > /dev/null',
  ]);
  expect(outputOf(run.events, 'a', 'stderr').toString()).toBe('one\ntwo\n');
});

test('--stdin goes to every host, end of file included', async () => {
  const input = randomBytes(MiB);
  const result = await fleet.aw(
    ['agent', 'run-everywhere', '--stdin', '--output', 'json', '--', 'sha256sum'],
    { input },
  );
  const digest = createHash('sha256').update(input).digest('hex');
  const events = result.stdout
    .toString()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  for (const host of ['a', 'b']) expect(outputOf(events, host).toString()).toContain(digest);
});

function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
