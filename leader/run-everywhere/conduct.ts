/** Runs the hosts' state machines side by side and makes one stream and one outcome of them. */
import { existsSync } from 'node:fs';
import { asAwError } from '../../contract/errors.ts';
import type { Event, HostExited } from '../../contract/events.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { JournalItem } from '../journal.ts';
import { cancelFile, outcomeFile } from '../records/record.ts';
import { pruneNowAndThen } from '../records/retention.ts';
import { createSlots } from '../slots.ts';
import { writeWhole } from '../state.ts';
import type { HostOutcome, Outcome, Run } from '../types.ts';
import { createCancellation } from './cancellation.ts';
import { conclude, durationOf } from './conclusion.ts';
import type { Fencing } from './fencing.ts';
import { type HostRun, runHost } from './host-run.ts';
import { notStarted } from './leader-events.ts';
import { createMerge, type Lane } from './merge.ts';
import { hostOutcome } from './outcome.ts';
import type { Score, Troubles } from './score.ts';

/** How far one host may be ahead of the consumer: characters of its events. */
const LANE = 64 * 1024;
/** What an event costs beside its text. */
const EVENT_COST = 256;

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
    .finally(() => void setImmediate(pruneNowAndThen, score.stateDir));
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

/** Hosts that had no part in the run, as far as it is on record. */
function leftOut(outcome: Outcome | undefined): ReadonlySet<string> {
  const hosts = Object.entries(outcome?.hosts ?? {});
  return new Set(hosts.flatMap(([name, { verdict }]) => (verdict === 'excluded' ? [name] : [])));
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
