/** What is known of a run beside its journal: `run.json`. No command, no environment, no token. */
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ExitReason } from '../../contract/events.ts';
import type { RunRequest } from '../../contract/follower-api.ts';
import { HostName, RunId } from '../../contract/names.ts';
import { runMarks, type TreeRoot } from './tree.ts';

const RunRecord = z.object({
  runId: RunId,
  host: HostName,
  epoch: z.string(),
  /** Of the request, so that the same one is known again. */
  digest: z.string(),
  startedAt: z.string(),
  /** The boot in which `pid` and `mark` mean something. */
  bootId: z.string(),
  pid: z.int().optional(),
  mark: z.string().optional(),
  /** Absent while the run goes on. */
  end: z
    .object({ at: z.string(), reason: ExitReason, code: z.int().nullable(), lines: z.int(), bytes: z.int() })
    .optional(),
});
export type RunRecord = z.infer<typeof RunRecord>;

export const journalPath = (directory: string) => join(directory, 'journal.ndjson');
const recordPath = (directory: string) => join(directory, 'run.json');

/** Undefined when there is none that can be understood. */
export function readRecord(directory: string): RunRecord | undefined {
  try {
    const lines = readFileSync(recordPath(directory), 'utf8').split('\n');
    return RunRecord.parse(Object.assign({}, ...lines.map(parse)));
  } catch {
    return undefined;
  }
}

/** What was not written to its end says nothing. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** @throws the system's error, also when there is one already. */
export function createRecord(directory: string, record: RunRecord): void {
  writeFileSync(recordPath(directory), JSON.stringify(record), { mode: 0o600, flag: 'wx' });
}

/**
 * Adds to it what has become known; of one field what was written last counts. A line of its own, begun by its line break,
 * so that one which the disk took only a part of spoils no other. To replace the file would cost the disk ten times as much.
 * @throws the system's error.
 */
export function amendRecord(directory: string, fields: Pick<RunRecord, 'pid' | 'mark' | 'end'>): void {
  appendFileSync(recordPath(directory), `\n${JSON.stringify(fields)}`, { mode: 0o600 });
}

/** Where a search for its processes starts. */
export function rootOf({ runId, host, pid, mark }: RunRecord): TreeRoot {
  return {
    marks: runMarks(runId, host),
    ...(pid === undefined ? {} : { pid }),
    ...(mark === undefined ? {} : { mark }),
  };
}

/** Equal for requests that mean the same, whatever the order of their fields. */
export function digestOf(request: RunRequest): string {
  const sorted = (_key: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('sha256').update(JSON.stringify(request, sorted)).digest('hex');
}
