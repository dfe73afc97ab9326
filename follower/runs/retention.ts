/** Which ended runs are kept. Pure. */

export interface EndedRun {
  runId: string;
  /** Milliseconds since 1970. */
  endedAt: number;
  bytes: number;
  /** Somebody is reading it. */
  inUse: boolean;
}

export const KEEP_RUNS = 100;
export const KEEP_MS = 7 * 24 * 60 * 60 * 1000;
export const KEEP_BYTES = 4 * 1024 * 1024 * 1024;
/** A run that has only just ended stays, however large: its leader is about to read the end. */
const FRESH_MS = 60_000;

/** The runs to remove so that what stays is young, few and small enough; the oldest go first. */
export function expired(runs: readonly EndedRun[], now: number): string[] {
  const newestFirst = [...runs].sort((a, b) => b.endedAt - a.endedAt);
  let count = 0;
  let bytes = 0;
  const gone: string[] = [];
  for (const run of newestFirst) {
    count += 1;
    bytes += run.bytes;
    const mayGo = !run.inUse && now - run.endedAt > FRESH_MS;
    if (mayGo && (count > KEEP_RUNS || bytes > KEEP_BYTES || now - run.endedAt > KEEP_MS)) {
      gone.push(run.runId);
      count -= 1;
      bytes -= run.bytes;
    }
  }
  return gone;
}
