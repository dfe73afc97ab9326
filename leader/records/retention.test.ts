import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pruneNowAndThen, pruneRuns } from './retention.ts';

let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'aw-retention-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const kept = () => readdirSync(join(stateDir, 'runs'));

/** A run that was begun so many days ago. */
function begin(runId: string, days: number): void {
  const directory = join(stateDir, 'runs', runId);
  mkdirSync(directory, { recursive: true });
  const then = Date.now() / 1000 - days * 86_400;
  utimesSync(directory, then, then);
}

test('a run older than seven days goes', () => {
  begin('old', 8);
  begin('new', 6);
  pruneRuns(stateDir);
  expect(kept()).toEqual(['new']);
});

test('a process that leads many runs looks at them now and then', () => {
  begin('first', 8);
  pruneNowAndThen(stateDir);
  expect(kept()).toEqual([]);
  begin('second', 8);
  pruneNowAndThen(stateDir);
  expect(kept()).toEqual(['second']);
});
