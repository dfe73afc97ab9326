import { expect, test } from 'vitest';
import { complaintOf, healthOf, isIdle, parseSessions } from './health.ts';

const inline = { ignore: {}, symlink: {}, watch: {}, permissions: {}, compression: {} };
/** As Mutagen 0.18 prints it, which leaves out all that is zero. */
const up = {
  identifier: 'sync_Ab',
  version: 1,
  creationTime: '2026-11-22T11:00:00.1Z',
  creatingVersion: '0.18.1',
  alpha: { protocol: 'local', path: '/ws', ...inline, connected: true, scanned: true, files: 10 },
  beta: { protocol: 'ssh', host: 'h-win-01', path: '/ws', ...inline, connected: true, scanned: true },
  mode: 'one-way-replica',
  ...inline,
  name: 'h-win-01',
  labels: { 'aw-config': 's1' },
  paused: false,
  status: 'watching',
  successfulCycles: 7,
};
const parse = (session: object) => parseSessions(JSON.stringify([session]))[0]!;
const conflict = (root: string) => ({ root, alphaChanges: [], betaChanges: [] });

test('all is well', () => {
  const session = parse(up);
  expect(isIdle(session)).toBe(true);
  expect(complaintOf(session)).toBeUndefined();
  expect(healthOf(session)).toEqual({
    session: 'h-win-01',
    status: 'watching',
    isConnected: true,
    cycles: 7,
    conflicts: 0,
    problems: 0,
  });
});

test.each<[string, object, string, object]>([
  [
    'conflicts, most of them not told',
    { conflicts: [conflict('pkg'), conflict('')], excludedConflicts: 40 },
    'AW_MUTAGEN_CONFLICT',
    { conflicts: 42 },
  ],
  [
    'what alpha could not read',
    { alpha: { ...up.alpha, scanProblems: [{ path: 'a', error: 'non-UTF-8' }], excludedScanProblems: 1 } },
    'AW_MUTAGEN_PROBLEMS',
    { problems: 2 },
  ],
  [
    'what beta could not write',
    { beta: { ...up.beta, transitionProblems: [{ path: 'b', error: 'file\u001b[2J exists' }] } },
    'AW_MUTAGEN_PROBLEMS',
    { problems: 1 },
  ],
  [
    'only excluded ones',
    { beta: { ...up.beta, excludedTransitionProblems: 3 } },
    'AW_MUTAGEN_PROBLEMS',
    { problems: 3 },
  ],
  ['a halt', { status: 'halted-on-root-emptied' }, 'AW_MUTAGEN_HALTED', { status: 'halted-on-root-emptied' }],
  ['an error', { lastError: 'beta\nwent away' }, 'AW_MUTAGEN_FAILED', { lastError: 'beta\\nwent away' }],
])('%s', (_, change, code, health) => {
  const session = parse({ ...up, ...change });
  const complaint = complaintOf(session);
  expect(complaint?.code).toBe(code);
  expect(complaint?.message).not.toMatch(/\p{Cc}/u);
  expect(healthOf(session)).toMatchObject(health);
});

test.each([
  ['scanning', up.beta, false],
  ['saving', up.beta, false],
  ['watching', { protocol: 'ssh', path: '/ws' }, false],
  ['disconnected', { protocol: 'ssh', path: '/ws' }, false],
  ['halted-on-root-deletion', up.beta, true],
])('%s', (status, beta, idle) => {
  expect(isIdle(parse({ ...up, status, beta }))).toBe(idle);
});

test('no session', () => {
  expect(parseSessions('[]\n')).toEqual([]);
  expect(parseSessions('null\n')).toEqual([]);
});

test.each(['', 'Error: x', '{}', '[{"identifier":""}]', '[{"identifier":"a","status":3}]'])(
  '%j is none',
  text => {
    expect(() => parseSessions(text)).toThrow(expect.objectContaining({ code: 'AW_MUTAGEN_FAILED' }));
  },
);
