import { expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { everyVerdict, exited, hostsOf, record, started } from './recorded-events.ts';
import { cancelLines, summaryLine } from './summary.ts';

function viewOf(hosts: readonly string[], events: readonly Event[]) {
  const { surroundings, play } = record(hosts);
  play(events);
  return surroundings.view;
}

test('all passed', () => {
  expect(
    summaryLine(
      viewOf(
        ['a', 'b', 'c'],
        ['a', 'b', 'c'].map(host => exited(host, {})),
      ),
    ),
  ).toBe('3/3 hosts: passed');
  expect(summaryLine(viewOf(['a'], [exited('a', {})]))).toBe('1/1 host: passed');
});

test('each failed host with its verdict', () => {
  expect(summaryLine(viewOf(hostsOf(everyVerdict), everyVerdict))).toBe(
    '2/8 hosts passed; failed: bad (exit 7), segv (killed by SIGSEGV), slow (timed out), stopped (cancelled), ' +
      'gone (lost: AW_HOST_UNREACHABLE), missing (not started: AW_CMD_NOT_FOUND)',
  );
});

test('hosts that have not ended are named', () => {
  expect(summaryLine(viewOf(['a', 'b'], [exited('a', {}), started('b', 1)]))).toBe(
    '1/2 hosts passed; not finished: b',
  );
});

test('short events without a reason have a verdict too', () => {
  const ts = '2026-01-02T03:04:05.678Z';
  const view = viewOf(
    ['a', 'b', 'c'],
    [
      { type: 'hostExited', ts, host: 'a', code: 0 },
      { type: 'hostExited', ts, host: 'b', code: 3 },
      { type: 'hostExited', ts, host: 'c', code: null, signal: 'SIGKILL' },
    ],
  );
  expect(summaryLine(view)).toBe('1/3 hosts passed; failed: b (exit 3), c (killed by SIGKILL)');
});

test('after a cancel: gone is said only of hosts where it is known', () => {
  const cancelled = { code: null, reason: 'cancelled' } as const;
  const { survivors: _, ...unseen } = exited('c', { code: null, reason: 'lost' }) as Record<string, unknown>;
  const { survivors: __, ...never } = exited('d', cancelled) as Record<string, unknown>;
  const view = viewOf(
    ['a', 'b', 'c', 'd', 'e'],
    [
      started('a', 1),
      exited('a', cancelled),
      started('b', 2),
      exited('b', { ...cancelled, survivors: [{ pid: 77, command: 'sleep\n100' }] }),
      started('c', 3),
      unseen as Event,
      never as Event,
      started('e', 4),
    ],
  );
  expect(cancelLines(view)).toEqual([
    '2/5 hosts: all processes gone',
    'b: still running: pid 77 (sleep 100)',
    'c,e: could not be confirmed; aw agent followers doctor --host c,e',
  ]);
});
