/** Starts one command on all hosts. */

import { resolve } from 'node:path';
import { AwError, asAwError } from '../../contract/errors.ts';
import { takeLock } from '../../tunnel/lock.ts';
import { openIngest } from '../ingest/index.ts';
import { createRecord, inputFile, lockFile, type StoredRun } from '../records/record.ts';
import { serviceClient } from '../service-client.ts';
import { stateRoot } from '../state.ts';
import type { Run, RunSpec, ServiceTarget } from '../types.ts';
import { conduct, type Troubles } from './conduct.ts';
import { createInput } from './input.ts';
import { createLeaderEvents } from './leader-events.ts';
import { checkSpec, newRunId, planRequest } from './plan.ts';
import { defaultTiming, type Timing } from './timing.ts';

export interface RunOptions {
  /** The leader's state root; default as `stateRoot()` says. */
  stateDir?: string;
  timing?: Partial<Timing>;
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
  const troubles: Troubles = { tell: () => {} };
  const { service, stdin, hosts } = spec;
  try {
    const ingest =
      service === undefined
        ? undefined
        : await openIngest(directory, service, {
            onTrouble: (error, consequence) => troubles.tell(`${error.message}: ${consequence}`),
          });
    return conduct(
      {
        runId,
        hosts,
        stateDir,
        directory,
        leader: createLeaderEvents(runId),
        lock,
        ingest,
        notes: [],
        announce: true,
        plan: host => planRequest(spec, host, runId),
        report: service?.followerReports
          ? reporter(service, text => troubles.tell(text))
          : async () => undefined,
        input: stdin === undefined ? undefined : createInput(stdin, inputFile(directory), hosts.length),
        detach: spec.detach,
        maxParallel: spec.maxParallel ?? hosts.length,
        known: { exits: {}, outcome: undefined },
        startedAt,
        timing: { ...defaultTiming, ...options.timing },
      },
      troubles,
    );
  } catch (error) {
    lock?.release();
    throw asAwError(error);
  }
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
    graceMs: spec.graceMs,
  };
}

/** Gets each follower a token of its own. A service that gives none must not keep a run from starting. */
function reporter(service: ServiceTarget, tell: (text: string) => void) {
  const { url, token, sessionId } = service;
  const client = serviceClient({ url, ...(token === undefined ? {} : { token }) });
  return async (host: string) => {
    try {
      const scoped = await client.createToken(sessionId, host);
      const path = `/api/v1/sessions/${encodeURIComponent(sessionId)}/events/ingest`;
      return { url: `${client.url}${path}`, token: scoped.token };
    } catch (thrown) {
      const error = thrown instanceof AwError ? thrown : asAwError(thrown);
      tell(`${host} does not report by itself: ${error.message}`);
      return undefined;
    }
  };
}
