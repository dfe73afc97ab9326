import { expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { createShown } from './shown.ts';

const ts = '2026-11-22T10:00:00.000Z';
const from = (host: string, seq: number, fields: object) =>
  ({ ts, origin: 'follower', host, seq, epoch: 'e', ...fields }) as Event;
const started = (host: string) => from(host, 0, { type: 'hostStarted', pid: 1 });
const log = (host: string, seq: number) =>
  from(host, seq, { type: 'hostLog', stream: 'stdout', message: 'x' });
const exited = (host: string, seq: number) => from(host, seq, { type: 'hostExited', code: 0 });
const said = (host: string, fields: object) => ({ ts, origin: 'leader', host, ...fields }) as Event;
const summary = { type: 'summary', ts, passed: ['a'], failed: [] } as Event;

test('looking again from the first event shows the rest, each host by itself', () => {
  const isNew = createShown();
  expect([started('a'), log('a', 1), log('a', 2), started('b')].map(isNew)).toEqual(Array(4).fill(true));
  const again = [
    started('b'),
    log('b', 1),
    started('a'),
    log('a', 1),
    log('a', 2),
    log('a', 3),
    exited('a', 4),
    summary,
  ];
  expect(again.map(isNew)).toEqual([false, true, false, false, false, true, true, true]);
  expect([started('a'), log('a', 3), exited('a', 4), summary].map(isNew)).toEqual(Array(4).fill(false));
});

test('what a leader said of a host is not said again, by whomever', () => {
  const isNew = createShown();
  const lost = said('a', { type: 'hostExited', code: null, reason: 'lost' });
  expect([said('a', { type: 'hostStarted' }), lost].map(isNew)).toEqual([true, true]);
  expect([said('a', { type: 'hostStarted' }), lost, started('a'), exited('a', 1)].map(isNew)).toEqual(
    Array(4).fill(false),
  );
});

test('a host of which only the leader had said that it started is shown to its end', () => {
  const isNew = createShown();
  expect(isNew(said('a', { type: 'hostStarted' }))).toBe(true);
  expect([started('a'), log('a', 1), exited('a', 2)].map(isNew)).toEqual([false, true, true]);
});

test('what happens to connections, and notes, are always news', () => {
  const isNew = createShown();
  const event = said('a', { type: 'connect.path.degraded', method: 'ssh' });
  const note = { type: 'note', ts, message: 'm' } as Event;
  expect([event, event, note, note].map(isNew)).toEqual(Array(4).fill(true));
});
