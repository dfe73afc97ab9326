/**
 * One host's part of a run: connect, start, follow its journal to `hostExited`, over as many connections as that takes.
 * Whatever happens, it ends with exactly one `hostExited`: the follower's own, or the leader's word for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { HostExited } from '../../contract/events.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { RunClient } from '../follower-client.ts';
import { createJournal, type Journal, type JournalItem } from '../journal.ts';
import type { Cancellation } from './cancellation.ts';
import { type Activity, createActivity, setDeadline } from './deadline.ts';
import { useConnection } from './host-connection.ts';
import type { InputReaders } from './input.ts';
import { exitContent, type LeaderEvents, notStarted } from './leader-events.ts';
import type { Timing } from './timing.ts';

export interface HostRun {
  readonly host: HostEntry;
  readonly runId: string;
  /** What to ask of the follower. Absent when the run was started before and is only followed. */
  readonly plan: (() => RunRequestInput) | undefined;
  /** Where the follower reports by itself; asked for while the connection is made. Never rejects. */
  readonly report: () => Promise<RunRequestInput['report']>;
  /** Return as soon as the follower has the run. */
  readonly detach: boolean;
  /** The follower may end the run when this leader is gone (`onLeaderLoss`). */
  readonly lead: boolean;
  readonly input: InputReaders | undefined;
  connect(signal: AbortSignal): Promise<RunClient>;
  /** To the spool and the consumer; resolves when there is room for more. */
  emit(item: JournalItem): Promise<void>;
  /** To the consumer alone. */
  show(item: JournalItem): Promise<void>;
  readonly leader: LeaderEvents;
  readonly cancellation: Cancellation;
  /** Another process wants the run ended. */
  isCancelled(): boolean;
  /** Stop watching: the run goes on without this leader. */
  readonly abandoned: AbortSignal;
  /** What an earlier leader said of this host: stands when nothing better can be learned now. */
  readonly known: HostExited | undefined;
  readonly timing: Timing;
}

export interface HostState {
  readonly journal: Journal;
  readonly activity: Activity;
  /** Aborted when no more may be waited for; its reason is the `AwError` that says why. */
  readonly stop: AbortSignal;
  giveUp(error: AwError): void;
  /** The request may have reached the follower. */
  asked: boolean;
  /** The follower confirmed that it has the run. */
  acknowledged: boolean;
  /** Set when the input could not be given completely: a command that saw a part of it must not pass. */
  inputFailure: AwError | undefined;
  readonly request: RunRequestInput | undefined;
  readonly report: Promise<RunRequestInput['report']>;
  /** To be called at the end. */
  readonly cleanup: (() => void)[];
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;
/** A connection that held this long was a good one, even if the command said nothing. */
const GOOD_CONNECTION = 5_000;

/** Undefined when it was abandoned, or detached and started. */
export async function runHost(run: HostRun): Promise<HostExited | undefined> {
  const startedAt = performance.now();
  let state: HostState;
  try {
    state = createState(run);
  } catch (error) {
    return speakFor(run, undefined, asAwError(error, run.host.name), startedAt);
  }
  try {
    const error = await followToEnd(run, state);
    if (error === undefined) return state.journal.exited;
    return run.abandoned.aborted ? undefined : await speakFor(run, state, error, startedAt);
  } finally {
    for (const end of state.cleanup) end();
  }
}

/** @throws what the plan throws: nothing can be asked of this host. */
function createState(run: HostRun): HostState {
  const request = run.plan?.();
  const controller = new AbortController();
  const activity = createActivity();
  const giveUp = (error: AwError) => controller.abort(error);
  const cleanup: (() => void)[] = [];
  const { killWait } = run.timing;
  const unwatch = run.cancellation.watch(level => {
    if (level !== 'kill') return;
    const reason = `the follower did not confirm within ${killWait / 1000} s that it ended the run`;
    const error = new AwError('AW_RUN_LOST', { reason }, { host: run.host.name });
    cleanup.push(setDeadline(activity, killWait, killWait, () => giveUp(error)));
  });
  cleanup.push(unwatch);
  return {
    journal: createJournal(run.host.name, run.runId),
    activity,
    stop: AbortSignal.any([controller.signal, run.abandoned]),
    giveUp,
    asked: false,
    acknowledged: request === undefined,
    inputFailure: undefined,
    request,
    report: request === undefined ? Promise.resolve(undefined) : run.report(),
    cleanup,
  };
}

/** Undefined when the journal was read to its end or need not be, else why that cannot be had. */
async function followToEnd(run: HostRun, state: HostState): Promise<AwError | undefined> {
  const { host, timing } = run;
  const beforeAsking = AbortSignal.any([state.stop, run.cancellation.begun]);
  /** Since when there was neither a good connection nor news. */
  let brokenSince: number | undefined;
  let everConnected = false;
  let pause = FIRST_PAUSE;

  for (;;) {
    const seqBefore = state.journal.nextSeq;
    let failure: AwError;
    let connectedAt: number | undefined;
    try {
      const client = await run.connect(state.asked || run.plan === undefined ? state.stop : beforeAsking);
      connectedAt = performance.now();
      everConnected = true;
      try {
        if (brokenSince !== undefined) await announce(run, 'connect.path.restored', { rttMs: client.rttMs });
        await useConnection(run, state, client);
        return undefined;
      } finally {
        client.close();
      }
    } catch (thrown) {
      failure = asAwError(thrown, host.name);
    }
    if (state.stop.aborted) return stopReason(state, failure);
    if (!state.asked && run.plan !== undefined) {
      return run.cancellation.level === undefined ? failure : notStarted(host.name);
    }
    // Whoever answers instead of the agent while it is away may be anybody; what it says counts only at first.
    const mayMend = failure.code === 'AW_HOST_UNREACHABLE' || (connectedAt === undefined && everConnected);
    if (!mayMend || !everConnected) return failure;

    const now = performance.now();
    const hadNews = state.journal.nextSeq > seqBefore;
    if (hadNews || (connectedAt !== undefined && now - connectedAt > GOOD_CONNECTION)) {
      brokenSince = undefined;
      pause = FIRST_PAUSE;
    }
    if (brokenSince === undefined) {
      brokenSince = now;
      await announce(run, 'connect.path.degraded', { error: failure.toWire() });
    }
    if (now - brokenSince >= timing.reconnect) {
      const reason = `no connection for ${Math.round(timing.reconnect / 1000)} s (${failure.message})`;
      return new AwError('AW_RUN_LOST', { reason }, { host: host.name, cause: failure });
    }
    await sleep(pause, undefined, { signal: state.stop }).catch(() => {});
    pause = Math.min(pause * 2, LONGEST_PAUSE);
    if (state.stop.aborted) return stopReason(state, failure);
  }
}

function announce(
  run: HostRun,
  type: 'connect.path.degraded' | 'connect.path.restored',
  what: { rttMs?: number; error?: ReturnType<AwError['toWire']> },
): Promise<void> {
  const { name, transport: method } = run.host;
  const transport = method === 'local' ? 'local' : 'ssh';
  return run.emit(run.leader.make({ type, host: name, method, transport, ...what }));
}

function stopReason(state: HostState, failure: AwError): AwError {
  return state.stop.reason instanceof AwError ? state.stop.reason : failure;
}

/** The leader's word for how a host ended, in the grammar that the follower's own would have had. */
async function speakFor(
  run: HostRun,
  state: HostState | undefined,
  error: AwError,
  startedAt: number,
): Promise<HostExited> {
  const host = run.host.name;
  const isSilent = state === undefined || state.journal.nextSeq === 0;
  if (run.known !== undefined) {
    if (isSilent) await run.show(run.leader.remark({ type: 'hostStarted', host }));
    await run.show({ event: run.known, line: JSON.stringify(run.known) });
    return run.known;
  }
  if (isSilent) await run.emit(run.leader.make({ type: 'hostStarted', host }));
  const exited = run.leader.make(exitContent(host, error, performance.now() - startedAt));
  await run.emit(exited);
  return exited.event as HostExited;
}
