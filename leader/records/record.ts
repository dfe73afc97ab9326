/** The record of one run on disk: `<state>/runs/<runId>/`. Readable by its owner only, and without secrets all the same. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AwError } from '../../contract/errors.ts';
import { RunId } from '../../contract/names.ts';
import { diskError, makePrivateDirectory, runsDirectory, writeWhole } from '../state.ts';
import type { StoredRun } from './stored.ts';

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
  // The directory is as new as the file: a power cut could take it along anyway.
  writeWhole(runFile(directory), `${JSON.stringify({ ...run, hosts }, undefined, 1)}\n`, { sync: false });
  return directory;
}

/** The runs on record. */
export function runIds(stateDir: string): string[] {
  try {
    return readdirSync(runsDirectory(stateDir)).filter(name => RunId.safeParse(name).success);
  } catch {
    return [];
  }
}
