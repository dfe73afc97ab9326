import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HostExited } from '../../contract/events.ts';
import { hostOutcome, runExitCode, sameVerdicts } from './outcome.ts';

const exited = (fields: Partial<HostExited>): HostExited => ({
  type: 'hostExited',
  ts: '2026-11-22T10:00:00.000Z',
  host: 'a',
  code: null,
  ...fields,
});
const error = (code: string) => ({ code, message: 'm' });

const table: [string, Partial<HostExited>, 'passed' | 'failed', number][] = [
  ['success', { code: 0, reason: 'exited' }, 'passed', 0],
  ['success, short form', { code: 0 }, 'passed', 0],
  ['failure', { code: 7, reason: 'exited' }, 'failed', 1],
  ['failure, short form', { code: 7 }, 'failed', 1],
  ['a code no shell has', { code: 4294967295, reason: 'exited' }, 'failed', 1],
  ['a signal', { signal: 'SIGKILL', reason: 'signaled' }, 'failed', 1],
  ['a signal, short form', { signal: 'SIGKILL' }, 'failed', 1],
  ['timeout', { reason: 'timeout', error: error('AW_RUN_TIMEOUT') }, 'failed', 124],
  ['timeout that ended well', { code: 0, reason: 'timeout' }, 'failed', 124],
  ['cancelled', { reason: 'cancelled' }, 'failed', 130],
  ['cancelled that ended well', { code: 0, reason: 'cancelled' }, 'failed', 130],
  ['lost', { reason: 'lost' }, 'failed', 4],
  ['lost, short form', {}, 'failed', 4],
  ['unreachable', { reason: 'lost', error: error('AW_HOST_UNREACHABLE') }, 'failed', 4],
  ['no such command', { code: 127, reason: 'spawn-failed', error: error('AW_CMD_NOT_FOUND') }, 'failed', 1],
  ['no such directory', { reason: 'spawn-failed', error: error('AW_CWD_MISSING') }, 'failed', 2],
  ['log limit', { reason: 'signaled', error: error('AW_LOG_LIMIT') }, 'failed', 4],
  ['an error of a newer follower', { reason: 'spawn-failed', error: error('AW_NEWER') }, 'failed', 4],
];

test.each(table)('%s', (_, fields, verdict, exitCode) => {
  const outcome = hostOutcome(exited(fields));
  expect(outcome.verdict).toBe(verdict);
  expect(runExitCode([outcome])).toBe(exitCode);
});

test('the most telling host decides, in whatever order they ended', () => {
  const rank = [0, 1, 2, 3, 4, 124, 130];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...table), { minLength: 1, maxLength: 8 }), rows => {
      const expected = Math.max(...rows.map(([, , , code]) => rank.indexOf(code)));
      expect(runExitCode(rows.map(([, fields]) => hostOutcome(exited(fields))))).toBe(rank[expected]);
    }),
  );
});

test('nothing that failed is no failure', () => {
  expect(runExitCode([])).toBe(0);
});

test('two looks tell the same story when reason, code and signal are the same', () => {
  const one = { a: hostOutcome(exited({ code: 1, durationMs: 5 })) };
  expect(sameVerdicts(one, { a: hostOutcome(exited({ code: 1, durationMs: 6 })) })).toBe(true);
  expect(sameVerdicts(one, { a: hostOutcome(exited({ code: 2 })) })).toBe(false);
  expect(sameVerdicts(one, {})).toBe(false);
  expect(sameVerdicts(one, { b: one.a })).toBe(false);
});
