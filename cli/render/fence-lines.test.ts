import { expect, test } from 'vitest';
import type { Event, FenceResult } from '../../contract/events.ts';
import { fenceLines } from './fence-lines.ts';
import { createJsonRenderer } from './json.ts';
import { junitReport } from './junit.ts';
import { createLanesRenderer } from './lanes.ts';
import { liveRows } from './live-rows.ts';
import { createPaint } from './paint.ts';
import { createPrefixRenderer } from './prefix.ts';
import { asText, exited, printed, record, started } from './recorded-events.ts';

const base = { ts: '2026-01-02T03:04:05.678Z', origin: 'leader', epoch: 'l1', runId: 'r1' } as const;
const snapshotId = 'tree-8f3a0c1d2e4b5f60';

const progress = (host: string, phase: string): Event => ({ type: 'fenceProgress', ...base, host, phase });
const result = (hosts: FenceResult['hosts'], more: object = { files: 1204, tookMs: 400 }): Event => ({
  type: 'fenceResult',
  ...base,
  snapshotId,
  hosts,
  ...more,
});
const equal = { state: 'consistent', tookMs: 40 } as const;
const late = {
  state: 'timeout',
  code: 'AW_FENCE_TIMEOUT',
  error: 'not consistent within 9 s: scanning',
} as const;
const lateEnd = (host: string) =>
  exited(host, {
    code: null,
    reason: 'spawn-failed',
    durationMs: 0,
    error: { code: late.code, message: late.error, remedy: `give ${host} longer` },
  });

test.each<[string, FenceResult['hosts'], object | undefined, string[]]>([
  [
    'all equal',
    { a: equal, b: equal, c: equal },
    undefined,
    ['fence: 3/3 hosts equal to tree-8f3a0c1d2e4b5f60 (1,204 files), 0.4 s'],
  ],
  ['the short form', { a: equal }, {}, ['fence: 1/1 host equal to tree-8f3a0c1d2e4b5f60']],
  [
    'some are not',
    { 'lin-01': equal, 'lin-02': late, 'lin-03': late, d: { state: 'error' } },
    { files: 1, tookMs: 9000 },
    [
      'fence: 1/4 hosts equal to tree-8f3a0c1d2e4b5f60 (1 file), 9.0 s; not lin-[02-03] (AW_FENCE_TIMEOUT); not d (error)',
    ],
  ],
])('%s', (_, hosts, more, lines) => {
  expect(fenceLines(result(hosts, more))).toEqual(lines);
});

test('what hosts cannot have is told once for all that lack the same, and cannot act on the terminal', () => {
  const excludedPaths = ['Foo.txt', 'b\x1b[2Jd', 'x'].map(path => ({
    path,
    code: 'name-collision' as const,
    detail: 'the same name as another',
  }));
  const lines = fenceLines(
    result({
      a: equal,
      w1: { ...equal, excludedPaths, excludedCount: 5 },
      w2: { ...equal, excludedPaths, excludedCount: 5 },
    }),
  );
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain('fence: left out on w[1-2]: Foo.txt (the same name as another), ');
  expect(lines[1]).toMatch(/ and 2 more$/);
  expect(lines.join('')).not.toContain('\x1b');
});

test('in a pipe one line on stderr says it; quietly none does', () => {
  for (const quiet of [false, true]) {
    const { surroundings, play, written } = record(['a', 'b'], { quiet });
    const renderer = createPrefixRenderer(surroundings);
    play(
      [progress('a', 'scanning'), progress('b', 'scanning'), result({ a: equal, b: equal })],
      renderer.event,
    );
    renderer.draw(0);
    expect(written('stdout')).toBe('');
    expect(written('stderr')).toBe(
      quiet ? '' : 'fence: 2/2 hosts equal to tree-8f3a0c1d2e4b5f60 (1,204 files), 0.4 s\n',
    );
  }
});

test('while it runs a terminal shows what it does on each host', () => {
  const { surroundings, play } = record(['a', 'b', 'c']);
  const frame = {
    columns: 80,
    rows: 24,
    now: 0,
    since: 0,
    paint: createPaint(false),
    line: () => '',
    hint: '',
  };
  play([progress('a', 'scanning'), progress('b', 'sending 3 files, 1200 bytes')]);
  const rows = liveRows(surroundings.view, frame);
  expect(rows[1]).toContain('fence: scanning');
  expect(rows[2]).toContain('fence: sending 3 files, 1200 bytes');
  expect(rows[3]).toContain('waiting');
  play([result({ a: equal, b: equal, c: equal })]);
  expect(
    liveRows(surroundings.view, frame)
      .slice(1)
      .every(row => row.endsWith('waiting')),
  ).toBe(true);
});

test('programs get its events, and nothing of how far it is', () => {
  const { surroundings, play, written } = record(['a']);
  const events = [progress('a', 'scanning'), result({ a: equal })];
  play(events, createJsonRenderer(surroundings).event);
  expect(written('stdout')).toBe(`${JSON.stringify(events[1])}\n`);
});

const laggard: readonly Event[] = [
  result({ a: equal, b: equal, c: { ...late, excluded: true } }),
  started('a', 1),
  started('b', 2),
  lateEnd('c'),
  printed('a', 'hi\n'),
  printed('b', 'hi\n'),
  exited('a', {}),
  exited('b', {}),
];

test('a host that was left out is neither passed nor failed', () => {
  const { surroundings, outputs, play, written } = record(['a', 'b', 'c']);
  const renderer = createLanesRenderer(surroundings, outputs, undefined);
  play(laggard, renderer.event);
  renderer.finish([]);
  const text = asText(written('stdout'));
  expect(text).toContain('c     - left out');
  expect(text).toContain('error AW_FENCE_TIMEOUT (host c): not consistent within 9 s: scanning');
  expect(text.trimEnd().split('\n').at(-1)).toBe('2/3 hosts passed; left out: c (AW_FENCE_TIMEOUT)');
});

test('of a run that took place nowhere only the host that is the reason has failed', () => {
  const elsewhere = {
    code: null,
    reason: 'spawn-failed',
    error: { code: 'AW_FENCE_ELSEWHERE', message: 'nothing was run, because of c', remedy: 'mend it' },
  } as const;
  const out = { ...equal, excluded: true };
  const { surroundings, play, written } = record(['a', 'b', 'c']);
  const renderer = createPrefixRenderer(surroundings);
  play(
    [result({ a: out, b: out, c: late }), exited('a', elsewhere), exited('b', elsewhere), lateEnd('c')],
    renderer.event,
  );
  renderer.finish([]);
  const text = asText(written('stderr'));
  expect(text).toContain('- a: left out');
  expect(text).toContain('∅ c: not started: AW_FENCE_TIMEOUT');
  expect(text.match(/nothing was run/g)).toHaveLength(1);
  expect(text.trimEnd().split('\n').at(-1)).toBe(
    '0/3 hosts passed; failed: c (not started: AW_FENCE_TIMEOUT); left out: a,b (AW_FENCE_ELSEWHERE)',
  );
});

test('a run that is looked at later knows it from its summary', () => {
  const { surroundings, outputs, play, written } = record(['a', 'c']);
  const renderer = createLanesRenderer(surroundings, outputs, undefined);
  const summary: Event = { type: 'summary', ...base, passed: ['a'], failed: [], excluded: ['c'] };
  play([exited('a', {}), lateEnd('c'), summary], renderer.event);
  renderer.finish([]);
  expect(asText(written('stdout'))).toContain('1/2 hosts passed; left out: c (AW_FENCE_TIMEOUT)');
});

test('in a JUnit report it is skipped, with the reason', () => {
  const { surroundings, outputs, play } = record(['a', 'b', 'c']);
  play(laggard);
  const xml = junitReport({ command: 'npm test', view: surroundings.view, outputs: outputs.byHost });
  expect(xml).toMatch(/<testsuite name="c" time="0" tests="1" failures="0" errors="0" skipped="1"/);
  expect(xml.match(/<skipped\s*\/>/g)).toHaveLength(1);
  expect(xml).toContain('AW_FENCE_TIMEOUT: not consistent within 9 s');
});

test('files that were others only in their line endings, by hosts; what a host that is not equal lacks is in its error', () => {
  const rewritten = ['a', 'b', 'c', 'd\x1b[2J', 'e'].map(path => ({ path, code: 'line-endings' as const }));
  const excludedPaths = [{ path: 'aux', code: 'reserved-name' as const }];
  const lines = fenceLines(
    result({
      w1: { ...equal, rewritten },
      w2: { ...equal, rewritten },
      x: equal,
      y: { state: 'error', code: 'AW_FENCE_EXCLUDED', excludedPaths },
    }),
  );
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('not y (AW_FENCE_EXCLUDED)');
  expect(lines[1]).toMatch(
    /^fence: on w\[1-2\]: a, b, c and 2 more differed only in line endings: .*autocrlf/,
  );
});
