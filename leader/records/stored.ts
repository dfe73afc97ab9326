/** What the files of a run's record hold, and reading them. Apart from writing, which every run does: schemas take time to build. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ExitReason, Summary, Survivor, WireError } from '../../contract/events.ts';
import { Command } from '../../contract/follower-api.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { RunId, ShellName } from '../../contract/names.ts';
import { outcomeFile, runFile } from './record.ts';

/** `run.json`. The values of variables are left out: they may be secrets. */
export const StoredRun = z.looseObject({
  runId: RunId,
  project: z.string(),
  cwd: z.string(),
  command: Command,
  startedAt: z.iso.datetime(),
  hosts: z.array(HostEntry),
  detached: z.boolean(),
  shell: ShellName.optional(),
  envNames: z.array(z.string()).optional(),
  timeoutMs: z.number().optional(),
  mapOutput: z.boolean().optional(),
  expandWorkspace: z.boolean().optional(),
  service: z.looseObject({ url: z.string(), sessionId: z.string() }).optional(),
});
export type StoredRun = z.infer<typeof StoredRun>;

/** `outcome.json` */
export const StoredOutcome = z.looseObject({
  exitCode: z.int(),
  summary: Summary,
  hosts: z.record(
    z.string(),
    z.looseObject({
      verdict: z.enum(['passed', 'failed', 'excluded']),
      reason: ExitReason,
      code: z.int().nullable(),
      signal: z.string().optional(),
      error: WireError.optional(),
      durationMs: z.number().optional(),
      survivors: z.array(Survivor).optional(),
      bytes: z.looseObject({ stdout: z.int(), stderr: z.int() }).optional(),
    }),
  ),
});
export type StoredOutcome = z.infer<typeof StoredOutcome>;

/** Undefined for what is not, or not completely, there. */
export function readRun(directory: string): StoredRun | undefined {
  return readJson(runFile(directory), StoredRun);
}

export function readOutcome(directory: string): StoredOutcome | undefined {
  return readJson(outcomeFile(directory), StoredOutcome);
}

function readJson<S extends z.ZodType>(path: string, schema: S): z.infer<S> | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
