/** The record of one run on disk: `<state>/runs/<runId>/`. Readable by its owner only, and without secrets all the same. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AwError } from '../../contract/errors.ts';
import { ExitReason, Summary, Survivor, WireError } from '../../contract/events.ts';
import { Command } from '../../contract/follower-api.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { RunId } from '../../contract/names.ts';
import { diskError, makePrivateDirectory, runsDirectory, writeWhole } from '../state.ts';

/** `run.json`. The values of variables are left out: they may be secrets. */
export const StoredRun = z.looseObject({
  runId: RunId,
  project: z.string(),
  cwd: z.string(),
  command: Command,
  startedAt: z.iso.datetime(),
  hosts: z.array(HostEntry),
  detached: z.boolean(),
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
      verdict: z.enum(['passed', 'failed']),
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

export const runDirectory = (stateDir: string, runId: string) => join(runsDirectory(stateDir), runId);
export const runFile = (directory: string) => join(directory, 'run.json');
export const outcomeFile = (directory: string) => join(directory, 'outcome.json');
/** Held by the leader that follows the run. */
export const lockFile = (directory: string) => join(directory, 'leader.lock');
/** Its presence tells the leader that follows the run to end it. */
export const cancelFile = (directory: string) => join(directory, 'cancel');
/** The input of a run on several hosts, while it runs. */
export const inputFile = (directory: string) => join(directory, 'input');

/**
 * Makes the run's directory and `run.json`.
 * @throws AW_RUN_CONFLICT when there is a run of that name; AW_DISK
 */
export function createRecord(stateDir: string, run: StoredRun): string {
  makePrivateDirectory(runsDirectory(stateDir));
  const directory = runDirectory(stateDir, run.runId);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskError(directory, error);
    throw new AwError('AW_RUN_CONFLICT', { runId: run.runId });
  }
  const hosts = run.hosts.map(({ env, ...host }) => host);
  writeWhole(runFile(directory), `${JSON.stringify({ ...run, hosts }, undefined, 1)}\n`);
  return directory;
}

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
