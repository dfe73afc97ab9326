/** Exit codes, deaths by signal and refusals arrive as they were, and decide the CLI's own exit code. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isKnown } from '../../contract/events.ts';
import { exitOf, type Fleet, makeFleet } from '../support/fleet.ts';

let fleet: Fleet;
beforeAll(() => {
  fleet = makeFleet([
    { name: 'a', shell: 'bash' },
    { name: 'b', shell: 'sh' },
  ]);
});
afterAll(() => fleet.stop());

test.each([0, 1, 2, 42, 126, 127, 128, 137, 143, 255])('exit code %i', async code => {
  const run = await fleet.run(['--', 'sh', '-c', `exit ${code}`]);
  for (const host of ['a', 'b']) expect(exitOf(run.events, host)).toMatchObject({ code, reason: 'exited' });
  expect(run.code).toBe(code === 0 ? 0 : 1);
});

test.each(['KILL', 'TERM', 'SEGV', 'HUP'])('death by SIG%s', async name => {
  const run = await fleet.run(['--host', 'a', '--', 'sh', '-c', `kill -${name} $$`]);
  expect(exitOf(run.events, 'a')).toMatchObject({ code: null, signal: `SIG${name}`, reason: 'signaled' });
  expect(run.code).toBe(1);
});

test('a run on one host that fails names who passed and who failed', async () => {
  writeFileSync(join(fleet.workspace('b'), 'broken'), '');
  const run = await fleet.run(['--', 'test', '!', '-e', 'broken']);
  expect(run.events.at(-1)).toMatchObject({ type: 'summary', passed: ['a'], failed: ['b'], exitCode: 1 });
  expect(run.code).toBe(1);
});

test('the events of a host: hostStarted, hostLog*, hostExited; then one summary', async () => {
  const run = await fleet.run(['-c', 'echo out; echo err >&2; exit 3']);
  for (const host of ['a', 'b']) {
    const types = run.events.filter(event => 'host' in event && event.host === host).map(event => event.type);
    expect(types.join(' ')).toMatch(/^hostStarted( hostLog)+ hostExited$/);
  }
  expect(run.events.filter(event => event.type === 'summary')).toEqual([run.events.at(-1)]);
  expect(run.events.filter(event => isKnown(event, 'note'))).toEqual([]);
});

test('a missing command is 127, one that cannot be executed 126, each with its code', async () => {
  const missing = await fleet.run(['--host', 'a', '--', 'no-such-command-here']);
  expect(exitOf(missing.events, 'a')).toMatchObject({
    code: 127,
    reason: 'spawn-failed',
    error: { code: 'AW_CMD_NOT_FOUND', message: expect.stringContaining('no-such-command-here') },
  });
  expect(missing.code).toBe(1);

  const plain = join(fleet.workspace('a'), 'plain.txt');
  writeFileSync(plain, 'text');
  chmodSync(plain, 0o644);
  const denied = await fleet.run(['--host', 'a', '--', './plain.txt']);
  expect(exitOf(denied.events, 'a')).toMatchObject({ code: 126, error: { code: 'AW_CMD_NOT_EXECUTABLE' } });
});

test('a directory that is missing on one host stops that host only', async () => {
  mkdirSync(join(fleet.project, 'sub'), { recursive: true });
  mkdirSync(join(fleet.workspace('a'), 'sub'), { recursive: true });
  const run = await fleet.run(['--cwd', 'sub', '--', 'pwd']);
  expect(exitOf(run.events, 'a')).toMatchObject({ code: 0 });
  expect(exitOf(run.events, 'b')).toMatchObject({
    code: null,
    reason: 'spawn-failed',
    error: { code: 'AW_CWD_MISSING', message: expect.stringContaining(join(fleet.workspace('b'), 'sub')) },
  });
  expect(run.code).toBe(2);
});

test('a directory outside the project has no counterpart', async () => {
  const run = await fleet.run(['--cwd', '/', '--', 'pwd']);
  expect(exitOf(run.events, 'a')).toMatchObject({
    reason: 'spawn-failed',
    error: { code: 'AW_CWD_UNMAPPABLE' },
  });
  expect(run.code).toBe(2);
});

test('a run that takes too long is ended: verdict timeout, exit code 124', async () => {
  const run = await fleet.run(['--timeout', '0.5', '--grace', '0.2', '--', 'sleep', '60']);
  expect(exitOf(run.events, 'a')).toMatchObject({ reason: 'timeout', survivors: [] });
  expect(run.code).toBe(124);
});
