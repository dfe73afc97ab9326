import { EventEmitter } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import type { OutputOptions } from '../options/output.ts';
import { exited, printed, started } from '../render/recorded-events.ts';
import { type FakeIo, fakeIo } from '../terminal/fake-io.ts';
import { type FakeRun, fakeRun } from './fake-run.ts';
import { type FollowOptions, followRun } from './follow-run.ts';
import { watchInterrupts } from './interrupts.ts';

interface Scene {
  run: FakeRun;
  io: FakeIo;
  /** A second apart from the last one. */
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  done: Promise<number>;
}

function follow(
  names: readonly string[],
  output: Partial<OutputOptions> = {},
  more: Partial<FollowOptions> = {},
): Scene {
  const run = fakeRun(names);
  const io = fakeIo();
  const source = new EventEmitter();
  let now = 0;
  const interrupts = watchInterrupts(source as unknown as NodeJS.Process, () => now);
  const done = followRun({
    run,
    output: { output: 'auto', group: true, ...output },
    interrupts,
    onInterrupt: 'cancel',
    graceMs: 5000,
    io,
    ...more,
  });
  const signal = (name: string) => {
    now += 1000;
    source.emit(name);
  };
  return { run, io, signal, done };
}

test('the exit code is that of the run, the last line says who passed', async () => {
  const { run, io, done } = follow(['a', 'b']);
  run.emit(started('a', 1), started('b', 2), printed('a', 'hi\n'), exited('a', {}), exited('b', { code: 3 }));
  run.end(1);
  expect(await done).toBe(1);
  expect(io.written.stdout).toBe('a | hi\n');
  expect(io.written.stderr.trimEnd().split('\n').at(-1)).toBe('1/2 hosts passed; failed: b (exit 3)');
});

test('no event is taken while stdout has no room', async () => {
  const { run, io, done } = follow(['a'], { output: 'json' });
  await run.idle();
  const drain = io.fill();
  run.emit(printed('a', '1'), printed('a', '2'), printed('a', '3'));
  run.end(0);
  // Everything that could happen without room has happened after a turn of the event loop.
  await new Promise(resolve => setImmediate(resolve));
  expect(run.taken()).toBe(1);
  drain();
  expect(await done).toBe(0);
  expect(run.taken()).toBe(3);
  expect(io.written.stdout.trimEnd().split('\n')).toHaveLength(3);
});

test('when the reader of stdout goes, the run is cancelled and the exit code is that of SIGPIPE', async () => {
  const { run, io, done } = follow(['a']);
  await run.idle();
  io.closeStdout();
  expect(run.cancelled).toEqual(['interrupt']);
  run.emit(printed('a', 'unseen\n'), exited('a', { code: null, reason: 'cancelled' }));
  run.end(130);
  expect(await done).toBe(141);
  expect(io.written.stdout).toBe('');
});

test('Ctrl-C once cancels, twice kills, and the end says what became of the processes', async () => {
  const { run, io, signal, done } = follow(['a', 'b']);
  await run.idle();
  run.emit(started('a', 1), started('b', 2));
  await run.idle();
  signal('SIGINT');
  expect(run.cancelled).toEqual(['interrupt']);
  signal('SIGINT');
  expect(run.cancelled).toEqual(['interrupt', 'kill']);
  const cancelled = { code: null, reason: 'cancelled' } as const;
  run.emit(
    exited('a', cancelled),
    exited('b', { ...cancelled, survivors: [{ pid: 7, command: 'sleep 1' }] }),
  );
  run.end(130);
  expect(await done).toBe(130);
  expect(io.written.stderr).toContain(
    'Cancelling on 2 hosts: INT now, TERM after 5 s, KILL after another 5 s.',
  );
  expect(io.written.stderr).toContain('1/2 hosts: all processes gone\nb: still running: pid 7 (sleep 1)\n');
});

test('SIGTERM is like one Ctrl-C', async () => {
  const { run, signal, done } = follow(['a']);
  await run.idle();
  signal('SIGTERM');
  expect(run.cancelled).toEqual(['interrupt']);
  run.end(130);
  expect(await done).toBe(130);
});

test('the third Ctrl-C leaves, and says which hosts are not known to be clean', async () => {
  const { run, io, signal, done } = follow(['a', 'b']);
  await run.idle();
  run.emit(started('a', 1), started('b', 2), exited('a', { code: null, reason: 'cancelled' }));
  await run.idle();
  for (let press = 0; press < 3; press++) signal('SIGINT');
  expect(await done).toBe(130);
  expect(io.written.stderr).toContain('1/2 hosts: all processes gone\nb: could not be confirmed');
});

test('leaving an attached run cancels nothing', async () => {
  const { run, io, signal, done } = follow(['a'], {}, { onInterrupt: 'leave' });
  await run.idle();
  signal('SIGINT');
  expect(await done).toBe(130);
  expect(run.cancelled).toEqual([]);
  expect(io.written.stderr).toBe('Left run r1; it goes on. aw agent runs cancel r1 ends it.\n');
});

test('signals from before the run are not forgotten', () => {
  const source = new EventEmitter();
  const interrupts = watchInterrupts(source as unknown as NodeJS.Process, () => 0);
  source.emit('SIGINT');
  source.emit('SIGINT');
  const steps: number[] = [];
  interrupts.listen(step => steps.push(step));
  expect(steps).toEqual([1]);
  source.emit('SIGTERM');
  expect(steps).toEqual([1, 2]);
  interrupts.dispose();
  expect(source.eventNames()).toEqual([]);
});

test('a JUnit report is whole or not there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'aw-junit-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const { run, done } = follow(['a'], { output: 'json', junit: join(directory, 'new', 'report.xml') });
  run.emit(started('a', 1), printed('a', 'hi\n'), exited('a', { code: 2 }));
  run.end(1);
  expect(await done).toBe(1);
  expect(readdirSync(join(directory, 'new'))).toEqual(['report.xml']);
  const xml = readFileSync(join(directory, 'new', 'report.xml'), 'utf8');
  expect(xml).toContain('<testcase classname="a" name="npm test"');
  expect(xml).toContain('<![CDATA[hi\n]]>');
});

test('a report that cannot be written is an error', async () => {
  const { run, done } = follow(['a'], { junit: '/dev/null/report.xml' });
  run.emit(exited('a', {}));
  run.end(0);
  await expect(done).rejects.toMatchObject({ code: 'AW_DISK' });
  await expect(done).rejects.toBeInstanceOf(AwError);
});
