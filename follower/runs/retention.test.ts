import { expect, test } from 'vitest';
import { expired, KEEP_BYTES, KEEP_MS, KEEP_RUNS } from './retention.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const run = (runId: string, age: number, bytes = 1, inUse = false) => ({
  runId,
  endedAt: NOW - age,
  bytes,
  inUse,
});

test('the oldest go when there are too many', () => {
  const runs = Array.from({ length: KEEP_RUNS + 2 }, (_, index) => run(`r${index}`, HOUR + index));
  expect(expired(runs, NOW)).toEqual([`r${KEEP_RUNS}`, `r${KEEP_RUNS + 1}`]);
});

test('the old go', () => {
  expect(expired([run('old', KEEP_MS + 1), run('young', KEEP_MS - 1)], NOW)).toEqual(['old']);
});

test('a run too large for what is left goes, smaller and older ones may stay', () => {
  const runs = [run('new', HOUR, 1000), run('large', 2 * HOUR, KEEP_BYTES), run('small', 3 * HOUR, 10)];
  expect(expired(runs, NOW)).toEqual(['large']);
});

test('what is being read or has only just ended stays', () => {
  const runs = [run('fresh', 1000, KEEP_BYTES * 2), run('read', KEEP_MS * 2, 1, true)];
  expect(expired(runs, NOW)).toEqual([]);
});
