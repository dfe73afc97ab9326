/** What this machine knows of the runs it started. */
import { resolve } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import { RunId } from '../../contract/names.ts';
import { lockHolder } from '../../tunnel/lock.ts';
import { stateRoot } from '../state.ts';
import type { Outcome, RunRecord } from '../types.ts';
import { lockFile, runDirectory, runIds } from './record.ts';
import { readOutcome, readRun } from './stored.ts';

export interface RecordOptions {
  /** The leader's state root; default as `stateRoot()` says. */
  stateDir?: string;
}

/** Newest first. */
export async function listRuns(options: RecordOptions = {}): Promise<RunRecord[]> {
  const stateDir = options.stateDir ?? stateRoot();
  return runIds(stateDir)
    .map(runId => readRecord(stateDir, runId))
    .filter(record => record !== undefined)
    .sort((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt));
}

/** The newest run of a project. */
export async function lastRun(project: string, options: RecordOptions = {}): Promise<RunRecord | undefined> {
  const wanted = resolve(project);
  return (await listRuns(options)).find(record => record.project === wanted);
}

/** @throws AW_RUN_NOT_FOUND */
export function findRecord(stateDir: string, runId: string): RunRecord {
  const record = RunId.safeParse(runId).success ? readRecord(stateDir, runId) : undefined;
  if (record === undefined) throw new AwError('AW_RUN_NOT_FOUND', { runId: show(runId).slice(1, -1) });
  return record;
}

function readRecord(stateDir: string, runId: string): RunRecord | undefined {
  const directory = runDirectory(stateDir, runId);
  const run = readRun(directory);
  if (run === undefined) return undefined;
  const outcome = readOutcome(directory) as Outcome | undefined;
  const isFollowed = () => lockHolder(lockFile(directory)) !== undefined;
  const { project, cwd, command, startedAt, hosts, detached, service } = run;
  return {
    runId: run.runId,
    project,
    cwd,
    command,
    startedAt,
    hosts,
    detached,
    asked: {
      ...(run.shell === undefined ? {} : { shell: run.shell }),
      ...(run.timeoutMs === undefined ? {} : { timeoutMs: run.timeoutMs }),
      envNames: run.envNames ?? [],
      mapOutput: run.mapOutput === true,
      expandWorkspace: run.expandWorkspace === true,
    },
    state: outcome !== undefined ? 'ended' : isFollowed() ? 'running' : 'open',
    ...(service === undefined ? {} : { service }),
    ...(outcome === undefined ? {} : { outcome }),
  };
}
