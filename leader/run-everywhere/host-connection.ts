/** What one connection to a follower is used for: hand over the run, pass on cancels and input, read the journal. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { RunClient } from '../follower-client.ts';
import { setDeadline } from './deadline.ts';
import type { HostRun, HostState } from './host-run.ts';
import { notStarted } from './leader-events.ts';

const DEFAULT_GRACE = 5_000;
/** Milliseconds between looks whether a follower still takes what an earlier leader has sent. */
const INPUT_LOOK = 50;

/**
 * Resolves when the journal was read to its end, or, detached, when the follower has the run.
 * @throws AW_HOST_UNREACHABLE when another connection may go on where this one broke; any other code is final.
 */
export async function useConnection(run: HostRun, state: HostState, client: RunClient): Promise<void> {
  const close = () => client.close();
  state.stop.addEventListener('abort', close, { once: true });
  let unwatch = () => {};
  try {
    if (!state.acknowledged) await handOver(run, state, client);
    if (state.inputFailure !== undefined) {
      await client.signal(run.runId, { signal: 'kill', cancel: true });
      throw state.inputFailure;
    }
    if (run.isCancelled()) run.cancellation.request('interrupt');
    unwatch = run.cancellation.watch(level => {
      // Not taken: the run is over, or the connection is, and then the next one passes it on.
      client.signal(run.runId, { signal: level, cancel: true }).catch(() => {});
    });
    if (run.detach) return;
    // Whether that works shows in the run, or on the connection.
    feedInput(run, state, client).catch(() => {});
    await readJournal(run, state, client);
  } finally {
    unwatch();
    state.stop.removeEventListener('abort', close);
  }
}

async function handOver(run: HostRun, state: HostState, client: RunClient): Promise<void> {
  const request = state.request!;
  const report = await state.report;
  if (run.isCancelled()) run.cancellation.request('interrupt');
  if (!state.asked && run.cancellation.level !== undefined) throw notStarted(run.host.name);
  state.asked = true;
  const follow = run.lead && !run.detach;
  await client.startRun(report === undefined ? request : { ...request, report }, { follow });
  state.acknowledged = true;
  const { timeoutMs, graceMs = DEFAULT_GRACE } = request;
  if (timeoutMs === undefined || run.detach) return;
  const slack = run.timing.timeoutSlack;
  const error = new AwError('AW_RUN_TIMEOUT', { seconds: timeoutMs / 1000 }, { host: run.host.name });
  state.cleanup.push(
    setDeadline(state.activity, timeoutMs + 3 * graceMs + slack, slack, () => state.giveUp(error)),
  );
}

/** Each leader gives the input once: what a single host was sent is not kept here, to be sent again on another connection. */
async function feedInput(run: HostRun, state: HostState, client: RunClient): Promise<void> {
  if (run.input === undefined) return;
  const offset = run.plan === undefined ? await missingFrom(run, state, client) : 0;
  const reader = offset === undefined ? undefined : run.input.take(run.host.name, offset);
  if (reader === undefined) return;
  state.cleanup.push(() => reader.destroy());
  const failed = (thrown: unknown) => {
    const error = asAwError(thrown, run.host.name);
    if (state.stop.aborted || state.journal.exited !== undefined) return;
    const fault = reader.errored as NodeJS.ErrnoException | null;
    // A connection that breaks takes its source along, with this.
    if (fault !== null && fault.code !== 'ERR_STREAM_PREMATURE_CLOSE') {
      state.inputFailure = asAwError(fault, run.host.name);
    } else if (error.code === 'AW_HOST_UNREACHABLE') {
      const reason = 'its standard input was cut off with the connection';
      state.inputFailure = new AwError('AW_RUN_LOST', { reason }, { host: run.host.name, cause: error });
    } else {
      return;
    }
    // Makes the loop come back here, where a run with half an input is ended.
    client.close();
  };
  await client.sendInput(run.runId, reader, offset).catch(failed);
}

/** Of a run that another leader has begun: how much of its input the follower has; undefined when it wants no more. */
async function missingFrom(run: HostRun, state: HostState, client: RunClient): Promise<number | undefined> {
  for (;;) {
    const { stdin, stdinBytes } = await client.state(run.runId);
    if (stdin !== 'taken') return stdin === 'open' ? stdinBytes : undefined;
    // The last of it is on its way, or the follower has not seen yet that nobody is there to send it.
    await sleep(INPUT_LOOK, undefined, { signal: state.stop });
  }
}

async function readJournal(run: HostRun, state: HostState, client: RunClient): Promise<void> {
  const { journal, activity } = state;
  try {
    for await (const item of client.events(journal, { lead: run.lead })) {
      activity.touch();
      await activity.during(run.emit(item));
    }
  } catch (error) {
    if (!(error instanceof AwError) || error.code !== 'AW_RUN_NOT_FOUND') throw error;
    const reason =
      run.plan === undefined && journal.nextSeq === 0
        ? 'it was never started there, or its log is no longer kept'
        : 'the follower does not know it any more';
    throw new AwError('AW_RUN_LOST', { reason }, { host: run.host.name, cause: error });
  }
}
