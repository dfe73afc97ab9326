import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LaneRow, layOut } from './lane-layout.ts';
import { exited } from './recorded-events.ts';
import { createRunView, type HostView } from './run-view.ts';

type State = 'waiting' | 'running' | 'printing' | 'silent' | 'passed' | 'failed';

const base = { ts: '2026-01-02T03:04:05.678Z', epoch: 'e1', runId: 'r1' } as const;

function hostsIn(states: readonly State[]): HostView[] {
  const names = states.map((_, index) => `h${index}`);
  const view = createRunView(names.map(name => ({ name })));
  for (const [index, state] of states.entries()) {
    const host = names[index]!;
    if (state !== 'waiting') view.apply({ type: 'hostStarted', ...base, host }, 0);
    if (state === 'printing') {
      view.apply({ type: 'hostLog', ...base, host, stream: 'stdout', message: 'x' }, 0);
    }
    if (state === 'silent') view.apply({ type: 'connect.path.degraded', ...base, host, method: 'ssh' }, 0);
    if (state === 'passed') view.apply(exited(host, {}), 0);
    if (state === 'failed') view.apply(exited(host, { code: 1 }), 0);
  }
  return [...view.hosts.values()];
}

const membersOf = (row: LaneRow) => ('host' in row ? [row.host.name] : row.hosts.map(host => host.name));
const textOf = (row: LaneRow) => ('host' in row ? row.host.name : `${row.hosts.length} ${row.section}`);
const times = (count: number, state: State) => Array.from({ length: count }, () => state);

const states = fc.array(
  fc.constantFrom<State>('waiting', 'running', 'printing', 'silent', 'passed', 'failed'),
  { minLength: 1, maxLength: 70 },
);

test('each host is in exactly one row, and there are never more rows than there is room for', () => {
  fc.assert(
    fc.property(states, fc.integer({ min: 1, max: 80 }), (all, room) => {
      const hosts = hostsIn(all);
      const rows = layOut(hosts, room);
      expect(rows.length).toBeLessThanOrEqual(room);
      expect(rows.flatMap(membersOf).sort()).toEqual(hosts.map(host => host.name).sort());
      for (const row of rows) if ('hosts' in row) expect(row.hosts.length).toBeGreaterThan(1);
    }),
    { numRuns: 1000 },
  );
});

test('no room is left empty while a failed host or one at work is only counted', () => {
  fc.assert(
    fc.property(states, fc.integer({ min: 6, max: 80 }), (all, room) => {
      const rows = layOut(hostsIn(all), room);
      const isCounted = rows.some(
        row => 'section' in row && ['failed', 'silent', 'running'].includes(row.section),
      );
      if (isCounted) expect(rows.length).toBe(room);
    }),
    { numRuns: 1000 },
  );
});

test('hosts that all fit keep their places', () => {
  const rows = layOut(hostsIn(['passed', 'failed', 'waiting', 'running']), 4);
  expect(rows.map(textOf)).toEqual(['h0', 'h1', 'h2', 'h3']);
});

test('failures first, then silent hosts, then those at work that have something to show', () => {
  const rows = layOut(
    hostsIn(['waiting', 'waiting', 'running', 'printing', 'running', 'silent', 'failed']),
    5,
  );
  expect(rows.map(textOf)).toEqual(['h6', 'h5', 'h3', '2 running', '2 waiting']);
});

test('many failures leave half of the room to the others', () => {
  const rows = layOut(hostsIn([...times(20, 'printing'), ...times(20, 'failed')]), 10);
  expect(rows.map(textOf)).toEqual([
    ...['h20', 'h21', 'h22', 'h23', '16 failed'],
    ...['h0', 'h1', 'h2', 'h3', '16 running'],
  ]);
});

test('many failures take the room that the others do not need', () => {
  const rows = layOut(hostsIn(['printing', ...times(20, 'failed')]), 10);
  expect(rows.map(textOf).slice(-2)).toEqual(['12 failed', 'h0']);
});

test('a window for fewer rows than there are kinds of hosts', () => {
  const hosts = hostsIn(['failed', 'failed', 'running', 'running', 'waiting', 'passed']);
  expect(layOut(hosts, 2).map(textOf)).toEqual(['2 failed', '4 more']);
  expect(layOut(hosts, 1).map(textOf)).toEqual(['6 more']);
});
