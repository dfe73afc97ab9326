/** Runs the hosts' state machines side by side and makes one stream and one outcome of them. */
import { existsSync } from 'node:fs';
import { asAwError } from '../../contract/errors.ts';
import type { Event, HostExited, Summary } from '../../contract/events.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Lock } from '../../tunnel/lock.ts';
import type { ConnectRun } from '../follower-client.ts';
import type { Ingest } from '../ingest/index.ts';
import type { JournalItem } from '../journal.ts';
import { cancelFile, outcomeFile } from '../records/record.ts';
import { pruneRuns } from '../records/retention.ts';
import { createSlots } from '../slots.ts';
import { writeWhole } from '../state.ts';
import type { TransportContext } from '../transports/index.ts';
import type { HostOutcome, Outcome, Run } from '../types.ts';
import { createCancellation } from './cancellation.ts';
import type { FenceEvents, Fencing } from './fencing.ts';
import { type HostRun, runHost } from './host-run.ts';
import type { InputReaders } from './input.ts';
import { type LeaderEvents, notStarted } from './leader-events.ts';
import { createMerge, type Lane } from './merge.ts';
import { hostOutcome, runExitCode, sameVerdicts } from './outcome.ts';
import type { Timing } from './timing.ts';

/** How far one host may be ahead of the consumer: characters of its events. */
const LANE = 64 * 1024;
/** What an event costs beside its text. */
const EVENT_COST = 256;

export interface Score {
  runId: string;
  hosts: HostEntry[];
  stateDir: string;
  /** Of the run's record. */
  directory: string;
  leader: LeaderEvents;
  /** Undefined: this process only looks on, and leaves the record, the spool and the followers' runs as they are. */
  lock: Lock | undefined;
  ingest: Ingest | undefined;
  /** What a person should know before anything else. */
  notes: string[];
  /** Tell the service which hosts take part. */
  announce: boolean;
  plan: ((host: HostEntry) => RunRequestInput) | undefined;
  report: (host: string) => Promise<RunRequestInput['report']>;
  input: InputReaders | undefined;
  /** Makes the hosts' files equal to the leader's before anything is asked of them. */
  fence: ((signal: AbortSignal, events: FenceEvents) => Promise<Fencing>) | undefined;
  detach: boolean;
  maxParallel: number;
  /** Makes a connection to a host; its `close` lets go of it. */
  connect: ConnectRun;
  /** What every connection of this run is made with, besides its own limits. */
  context: Omit<TransportContext, 'stateDir' | 'timeoutMs' | 'signal' | 'start' | 'tell'>;
  /** What is on record from before. */
  known: { exits: Readonly<Record<string, HostExited>>; outcome: Outcome | undefined };
  startedAt: number;
  timing: Timing;
}

export interface Troubles {
  /** Gets what goes wrong beside the run; set once the run has begun. */
  tell(text: string): void;
}

export function conduct(score: Score, troubles: Troubles): Run {
  const { runId, hosts, directory, leader, ingest } = score;
  const abandoned = new AbortController();
  const cancellation = createCancellation();
  const merge = createMerge<Event>(LANE, () => {
    abandoned.abort();
    ingest?.neverWait();
  });
  cancellation.watch(level => {
    if (level === 'kill') ingest?.neverWait();
  });
  const own = merge.lane();
  const show = async (lane: Lane<Event>, { event, line }: JournalItem) => {
    await lane.push(event, line.length + EVENT_COST);
  };
  const emit = async (lane: Lane<Event>, item: JournalItem) => {
    await ingest?.append(item);
    await show(lane, item);
  };
  const note = (message: string) => void show(own, leader.remark({ type: 'note', message }));
  troubles.tell = note;

  const record = (outcome: Outcome) => {
    try {
      // A power cut may cost it; then the run counts as open, and the followers still know how it ended.
      writeWhole(outcomeFile(directory), `${JSON.stringify(outcome)}\n`, { sync: false });
    } catch (error) {
      // How the run ended is known all the same, and whoever waits for it must hear it.
      note(`${asAwError(error).message}: this run counts as open until aw agent runs attach ${runId}`);
    }
  };

  const slots = createSlots(score.maxParallel);
  const isCancelled = () => score.lock !== undefined && existsSync(cancelFile(directory));
  const runOne = async (
    host: HostEntry,
    plan: ((host: HostEntry) => RunRequestInput) | undefined,
  ): Promise<HostExited | undefined> => {
    const lane = merge.lane();
    const run: HostRun = {
      host,
      runId,
      plan: plan === undefined ? undefined : () => plan(host),
      report: () => score.report(host.name),
      detach: score.detach,
      lead: score.lock !== undefined,
      input: score.input,
      connect: signal =>
        score.connect(
          host,
          {
            ...score.context,
            tell: note,
            stateDir: score.stateDir,
            timeoutMs: score.timing.connect,
            signal,
            start: true,
          },
          score.timing.silence,
        ),
      emit: item => emit(lane, item),
      show: item => show(lane, item),
      leader,
      cancellation,
      isCancelled,
      abandoned: abandoned.signal,
      known: score.known.exits[host.name],
      timing: score.timing,
    };
    if (isCancelled()) cancellation.request('interrupt');
    const giveBack = await slots.take(AbortSignal.any([cancellation.begun, abandoned.signal]));
    if (giveBack !== undefined) return runHost(run).finally(giveBack);
    if (abandoned.signal.aborted) return undefined;
    // It runs there already; that it is to be ended changes nothing about following it.
    if (plan === undefined) return runHost(run);
    // In its turn for the consumer as any other host: what it would have been asked no longer matters.
    return runHost({
      ...run,
      plan: () => {
        throw notStarted(host.name);
      },
    });
  };

  /** What each host is asked to do, once the fence is through. */
  const prepare = async (): Promise<Pick<Score, 'plan'> & Pick<Fencing, 'excluded' | 'snapshotId'>> => {
    const { plan, known } = score;
    if (plan === undefined || score.fence === undefined) {
      return { plan, excluded: leftOut(known.outcome), snapshotId: undefined };
    }
    try {
      const signal = AbortSignal.any([cancellation.begun, abandoned.signal]);
      const { bind, ...fencing } = await score.fence(signal, {
        emit: item => emit(own, item),
        show: item => void show(own, item),
      });
      return { plan: host => bind(host, () => plan(host)), ...fencing };
    } catch (error) {
      const refuse = (host: HostEntry) => {
        throw asAwError(error).forHost(host.name);
      };
      return { plan: refuse, excluded: leftOut(undefined), snapshotId: undefined };
    }
  };

  const perform = async (): Promise<Outcome> => {
    for (const text of score.notes) note(text);
    if (score.announce)
      await ingest?.append(leader.make({ type: 'followersCatalog', hosts: hosts.map(catalogEntry) }));
    const { plan, excluded, snapshotId } = await prepare();
    const exits = await Promise.all(hosts.map(host => runOne(host, plan)));
    const outcomes: Record<string, HostOutcome> = {};
    for (const [index, exited] of exits.entries()) {
      if (exited !== undefined) {
        const { name } = hosts[index]!;
        outcomes[name] = hostOutcome(exited, excluded.has(name));
      }
    }
    const hasEnded = !score.detach && !abandoned.signal.aborted;
    if (hasEnded && snapshotId !== undefined)
      await emit(own, leader.make({ type: 'moment', snapshotId, when: 'after' }));
    const { item, outcome } = conclude(score, outcomes, hasEnded, durationOf(score, exits));
    if (hasEnded) {
      ingest?.append(item);
      if (score.lock !== undefined) record(outcome);
    }
    const left = abandoned.signal.aborted ? 0 : ((await ingest?.flush(score.timing.flush)) ?? 0);
    if (left > 0) {
      note(
        `${left} bytes of events have not reached the service yet: aw agent runs attach ${runId} brings them there`,
      );
    }
    if (hasEnded) await show(own, item);
    return outcome;
  };

  const finish = async () => {
    await score.input?.close();
    await ingest?.close();
    score.lock?.release();
  };
  const outcome = perform()
    .catch(error => {
      abandoned.abort();
      throw error;
    })
    .finally(finish)
    .finally(merge.end)
    // Nobody has to wait for what older runs have left.
    .finally(() => void setImmediate(pruneRuns, score.stateDir));
  const settled = outcome.catch(error => Promise.reject(asAwError(error)));
  // Whoever only reads the events learns of a failure through their end.
  settled.catch(() => {});
  return {
    runId,
    hosts,
    events: withFailure(merge.items, settled),
    cancel: how => cancellation.request(how),
    outcome: settled,
  };
}

/** The summary and the outcome; those on record when nothing else came out of looking again. */
function conclude(
  { leader, known }: Score,
  hosts: Record<string, HostOutcome>,
  hasEnded: boolean,
  durationMs: number,
): { item: JournalItem; outcome: Outcome } {
  if (hasEnded && known.outcome !== undefined && sameVerdicts(known.outcome.hosts, hosts)) {
    const { summary, exitCode } = known.outcome;
    return { item: { event: summary, line: JSON.stringify(summary) }, outcome: { exitCode, summary, hosts } };
  }
  const names = (verdict: HostOutcome['verdict']) =>
    Object.keys(hosts).filter(name => hosts[name]!.verdict === verdict);
  const exitCode = runExitCode(Object.values(hosts));
  const content = {
    type: 'summary',
    passed: names('passed'),
    failed: names('failed'),
    ...(names('excluded').length === 0 ? {} : { excluded: names('excluded') }),
    exitCode,
    durationMs,
  } as const;
  const item = leader.make(content);
  return { item, outcome: { exitCode, summary: item.event as Summary, hosts } };
}

/** Hosts that had no part in the run, as far as it is on record. */
function leftOut(outcome: Outcome | undefined): ReadonlySet<string> {
  const hosts = Object.entries(outcome?.hosts ?? {});
  return new Set(hosts.flatMap(([name, { verdict }]) => (verdict === 'excluded' ? [name] : [])));
}

/** Until now; of a run that was started before, until its last host ended, as far as that host's clock can be believed. */
function durationOf({ plan, startedAt }: Score, exits: readonly (HostExited | undefined)[]): number {
  const now = Date.now();
  const ends = exits.flatMap(exited => (exited === undefined ? [] : [Date.parse(exited.ts)]));
  const end = plan === undefined ? Math.min(now, Math.max(...ends)) : now;
  return Math.max(0, end - startedAt);
}

function catalogEntry({ name, os, tags, address, sshUser }: HostEntry) {
  return {
    name,
    os,
    ...(tags === undefined ? {} : { tags }),
    ...(address === undefined ? {} : { address }),
    ...(sshUser === undefined ? {} : { sshUser }),
  };
}

/** The items, then, when the run itself broke, its error. */
function withFailure(items: AsyncIterable<Event>, outcome: Promise<unknown>): AsyncIterable<Event> {
  return {
    [Symbol.asyncIterator]() {
      const inner = items[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await inner.next();
          if (result.done === true) await outcome;
          return result;
        },
        return: value => inner.return!(value),
      };
    },
  };
}
