import { expect, test } from 'vitest';
import { exited, started } from './recorded-events.ts';
import { remainingTime } from './remaining-time.ts';
import { createRunView } from './run-view.ts';

/** Hosts that passed after so many milliseconds, hosts at work that began at 0, hosts that wait. */
function remaining(passed: readonly number[], running: number, waiting: number, now: number) {
  const name = (kind: string, index: number) => `${kind}${index}`;
  const names = [
    ...passed.map((_, index) => name('p', index)),
    ...Array.from({ length: running }, (_, index) => name('r', index)),
    ...Array.from({ length: waiting }, (_, index) => name('w', index)),
  ];
  const view = createRunView(names.map(each => ({ name: each })));
  for (const [index, durationMs] of passed.entries()) view.apply(exited(name('p', index), { durationMs }), 0);
  for (let index = 0; index < running; index++) view.apply(started(name('r', index), 1), 0);
  return remainingTime([...view.hosts.values()], now);
}

test('what is left of the time most hosts take', () => {
  expect(remaining([10_000, 10_000, 10_000], 2, 0, 4000)).toBe(6000);
});

test('hosts that wait take over one after the other', () => {
  expect(remaining([10_000, 10_000, 10_000], 2, 3, 4000)).toBe(26_000);
});

test('a host slower than most is given the time of the slowest', () => {
  expect(remaining([10_000, 10_000, 20_000], 1, 0, 12_000)).toBe(8000);
});

test.each([
  ['too few have passed', [10_000, 10_000], 1, 4000],
  ['a host takes longer than all others', [10_000, 10_000, 10_000], 1, 11_000],
  ['the hosts left are the slowest of those that began together', [9000, 9500, 9900], 4, 9950],
  ['nobody is at work', [10_000, 10_000, 10_000], 0, 4000],
])('nothing is said when %s', (_what, passed, running, now) => {
  expect(remaining(passed, running, 1, now)).toBeUndefined();
});

test('failures say nothing about how long the work takes', () => {
  const names = ['a', 'b', 'c', 'd'];
  const view = createRunView(names.map(name => ({ name })));
  for (const name of ['a', 'b', 'c']) view.apply(exited(name, { code: 1, durationMs: 10_000 }), 0);
  view.apply(started('d', 1), 0);
  expect(remainingTime([...view.hosts.values()], 1000)).toBeUndefined();
});
