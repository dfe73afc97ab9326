/** Starts one command on all hosts. */

import { resolve } from 'node:path';
import { asAwError } from '../../contract/errors.ts';
import { takeLock } from '../../tunnel/lock.ts';
import { withAgentless } from '../agentless/index.ts';
import type { LeaderTrees } from '../fence/leader-tree.ts';
import { type Connect, connectFollower } from '../follower-client.ts';
import { createRecord, inputFile, lockFile } from '../records/record.ts';
import type { StoredRun } from '../records/stored.ts';
import { stateRoot } from '../state.ts';
import type { TransportContext } from '../transports/index.ts';
import type { FenceOptions, Run, RunSpec, ServiceTarget } from '../types.ts';
import { conduct } from './conduct.ts';
import { createInput } from './input.ts';
import { createLeaderEvents, type LeaderEvents } from './leader-events.ts';
import { checkSpec, planRequest } from './plan.ts';
import { newRunId } from './run-id.ts';
import type { Score, Troubles } from './score.ts';
import { defaultTiming, type Timing } from './timing.ts';

export interface RunOptions {
  /** The leader's state root; default as `stateRoot()` says. */
  stateDir?: string;
  timing?: Partial<Timing>;
  /** Default: a connection for each host, which ends with the run. */
  connect?: Connect;
  /** The leader's trees, of a leader that stays. */
  trees?: LeaderTrees;
  /** Whoever wants the run, when that is not this process. */
  asker?: Pick<TransportContext, 'env' | 'ask'>;
}

/**
 * Writes the run's record and sets all hosts to work; does not wait for any of them.
 * @throws AW_USAGE, AW_RUN_CONFLICT, AW_DISK: nothing was started then. What concerns one host is in its events.
 */
export async function startRun(spec: RunSpec, options: RunOptions = {}): Promise<Run> {
  checkSpec(spec);
  const stateDir = options.stateDir ?? stateRoot();
  const startedAt = Date.now();
  const runId = spec.runId ?? newRunId(new Date(startedAt));
  const directory = createRecord(stateDir, storedRun(spec, runId, startedAt));
  const lock = takeLock(lockFile(directory));
  const leader = createLeaderEvents(runId);
  const troubles: Troubles = { tell: () => {} };
  const { service, stdin, hosts } = spec;
  const timing = { ...defaultTiming, ...options.timing };
  try {
    const way = service === undefined ? undefined : await openWay(service, directory, troubles);
    const own = options.connect === undefined && spec.fence !== undefined;
    const pool = own ? await openPool(hosts.length, timing) : undefined;
    const connect = options.connect ?? pool?.connect ?? connectFollower;
    const means = { ...options, connect };
    const run = conduct(
      {
        runId,
        hosts,
        stateDir,
        directory,
        leader,
        lock,
        ingest: way?.ingest,
        notes: [],
        announce: true,
        plan: host => planRequest(spec, host, runId),
        report: way?.report ?? (async () => undefined),
        input: stdin && createInput(() => stdin, inputFile(directory), hosts.length),
        fence: spec.fence === undefined ? undefined : fenceOf(spec, spec.fence, means, stateDir, leader),
        detach: spec.detach,
        maxParallel: spec.maxParallel ?? hosts.length,
        connect: withAgentless(connect),
        context: { ...spec.reach, ...options.asker },
        known: { exits: {}, outcome: undefined },
        startedAt,
        timing,
      },
      troubles,
    );
    if (pool !== undefined) run.outcome.then(pool.close, pool.close);
    return run;
  } catch (error) {
    lock?.release();
    throw asAwError(error);
  }
}

/** The way of the events to the service. Loaded only for a run that has one. */
async function openWay(service: ServiceTarget, directory: string, troubles: Troubles) {
  const { createReporter, openIngest } = await import('../ingest/index.ts');
  return {
    ingest: await openIngest(directory, service, {
      onTrouble: (error, consequence) => troubles.tell(`${error.message}: ${consequence}`),
    }),
    report: service.followerReports ? createReporter(service, text => troubles.tell(text)) : undefined,
  };
}

/** One connection to each host, for the fence and for what runs then. */
async function openPool(maxKept: number, { silence }: Timing) {
  const { createPool } = await import('../connections/pool.ts');
  return createPool({ maxKept, silence });
}

function fenceOf(
  { hosts, project, reach }: RunSpec,
  fence: FenceOptions,
  { connect, timing, asker, trees }: RunOptions & { connect: Connect },
  stateDir: string,
  leader: LeaderEvents,
): Score['fence'] {
  const context = {
    ...reach,
    ...asker,
    stateDir,
    start: true,
    timeoutMs: { ...defaultTiming, ...timing }.connect,
  };
  return async (signal, events) => {
    const { fenceFirst } = await import('./fencing.ts');
    const spec = { hosts, project, connect, context, signal, trees };
    return fenceFirst(fence, spec, leader, events);
  };
}

function storedRun(spec: RunSpec, runId: string, startedAt: number): StoredRun {
  const { project, cwd, command, hosts, detach, service } = spec;
  return {
    runId,
    project: resolve(project),
    cwd,
    command,
    startedAt: new Date(startedAt).toISOString(),
    hosts,
    detached: detach,
    ...(service === undefined ? {} : { service: { url: service.url, sessionId: service.sessionId } }),
    shell: spec.shell,
    envNames: Object.keys(spec.env),
    timeoutMs: spec.timeoutMs,
    mapOutput: spec.mapOutput,
    expandWorkspace: spec.expandWorkspace,
    graceMs: spec.graceMs,
  };
}
