/** Going on with a run that was started before, here or by a leader that is gone. */
import { asAwError } from '../../contract/errors.ts';
import type { HostExited } from '../../contract/events.ts';
import { takeLock } from '../../tunnel/lock.ts';
import { withAgentless } from '../agentless/index.ts';
import { connectFollower } from '../follower-client.ts';
import { openIngest } from '../ingest/index.ts';
import { findRecord } from '../records/read.ts';
import { inputFile, lockFile, runDirectory } from '../records/record.ts';
import { stateRoot } from '../state.ts';
import type { Outcome, Run, RunRecord } from '../types.ts';
import { conduct } from './conduct.ts';
import { createInput, cutOffInput, type InputSource } from './input.ts';
import { createLeaderEvents } from './leader-events.ts';
import type { Troubles } from './score.ts';
import type { RunOptions } from './start.ts';
import { defaultTiming } from './timing.ts';

export interface AttachOptions extends RunOptions {
  /** For the service the run reports to. */
  token?: string;
  /** The run's input, where it stopped with its leader. Absent: a command that waits for more of it is ended. */
  stdin?: InputSource;
}

/**
 * Follows a run from its first event on every host. The first to attach to a run without a leader becomes its leader: it
 * brings the service what that lacks and writes the outcome. Any other only looks on.
 * @throws AW_RUN_NOT_FOUND, AW_DISK
 */
export async function attachRun(runId: string, options: AttachOptions = {}): Promise<Run> {
  const stateDir = options.stateDir ?? stateRoot();
  const record = findRecord(stateDir, runId);
  const directory = runDirectory(stateDir, runId);
  const lock = takeLock(lockFile(directory));
  const troubles: Troubles = { tell: () => {} };
  try {
    const { token } = options;
    const { service, outcome, hosts } = record;
    const ingest =
      service === undefined || lock === undefined
        ? undefined
        : await openIngest(
            directory,
            { ...service, ...(token === undefined ? {} : { token }) },
            { onTrouble: (error, consequence) => troubles.tell(`${error.message}: ${consequence}`) },
          );
    return conduct(
      {
        runId,
        hosts,
        stateDir,
        directory,
        leader: createLeaderEvents(runId),
        lock,
        ingest,
        notes: lock === undefined ? ['another process leads this run; this one only looks on'] : [],
        announce: Object.keys(ingest?.facts.cursors ?? {}).length === 0,
        plan: undefined,
        report: async () => undefined,
        input: lock && createInput(options.stdin ?? cutOffInput, inputFile(directory), hosts.length),
        fence: undefined,
        detach: false,
        maxParallel: hosts.length,
        connect: withAgentless(options.connect ?? connectFollower),
        context: options.asker ?? {},
        known: { exits: { ...exitsOf(record, outcome), ...ingest?.facts.exits }, outcome },
        startedAt: Date.parse(record.startedAt),
        timing: { ...defaultTiming, ...options.timing },
      },
      troubles,
    );
  } catch (error) {
    lock?.release();
    throw asAwError(error);
  }
}

/** What the outcome says of hosts whose followers may have nothing to say, as the events it was made of. */
function exitsOf({ runId }: RunRecord, outcome: Outcome | undefined): Record<string, HostExited> {
  if (outcome === undefined) return {};
  const { ts } = outcome.summary;
  return Object.fromEntries(
    Object.entries(outcome.hosts).map(([host, { verdict, ...rest }]) => [
      host,
      { type: 'hostExited', ts, origin: 'leader', runId, host, ...rest },
    ]),
  );
}
