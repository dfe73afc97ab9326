/** How long runs are remembered. */
import { rmSync, statSync } from 'node:fs';
import { lockHolder } from '../../tunnel/lock.ts';
import { isDelivered } from '../ingest/acknowledgement.ts';
import { lockFile, outcomeFile, runDirectory, runIds } from './record.ts';

const KEPT_RUNS = 50;
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

/** Milliseconds between two looks of one process: to look at every run takes longer than to lead a short one. */
const PAUSE = 60_000;
const lookedAt = new Map<string, number>();

/** `pruneRuns`, unless this process did that a moment ago. */
export function pruneNowAndThen(stateDir: string): void {
  const now = performance.now();
  if (now - (lookedAt.get(stateDir) ?? -Infinity) < PAUSE) return;
  lookedAt.set(stateDir, now);
  pruneRuns(stateDir);
}

/**
 * Removes runs older than 7 days, and of the newer ones all but the newest 50. A run that is followed stays, and within
 * the 7 days also one that has not ended or whose events have not all reached the service. Never throws.
 */
export function pruneRuns(stateDir: string, now: number = Date.now()): void {
  const runs = runIds(stateDir)
    .map(runId => runDirectory(stateDir, runId))
    .map(directory => ({ directory, time: timeOf(directory) }))
    .sort((a, b) => b.time - a.time);
  for (const [index, { directory, time }] of runs.entries()) {
    const isOld = now - time > KEPT_MS;
    try {
      if (!isOld && (index < KEPT_RUNS || isWanted(directory))) continue;
      if (lockHolder(lockFile(directory)) === undefined) rmSync(directory, { recursive: true, force: true });
    } catch {
      // What somebody has made impossible to look at or to remove is in nobody's way.
    }
  }
}

function timeOf(directory: string): number {
  try {
    return statSync(directory).mtimeMs;
  } catch {
    return 0;
  }
}

function isWanted(directory: string): boolean {
  const hasEnded = statSync(outcomeFile(directory), { throwIfNoEntry: false }) !== undefined;
  return !hasEnded || !isDelivered(directory);
}
