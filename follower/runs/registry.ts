/** All runs of one state directory: those that go on and those that are kept. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AwError } from '../../contract/errors.ts';
import type { RunRequest, RunState } from '../../contract/follower-api.ts';
import { RunId } from '../../contract/names.ts';
import type { Invocation } from '../adapters/types.ts';
import { type Append, Journal } from './journal.ts';
import { watchLeader } from './leader-watch.ts';
import { amendRecord, createRecord, digestOf, journalPath, type RunRecord, readRecord } from './record.ts';
import type { OutputFilter } from './recorder.ts';
import { recoverRun } from './recover.ts';
import { expired } from './retention.ts';
import type { StdioSupply } from './stdio.ts';
import { SupervisedRun } from './supervise.ts';

/** Runs that may go on at the same time. */
export const MAX_LIVE_RUNS = 64;
const TIDY_MS = 10 * 60_000;

export interface RunsOptions {
  /** Holds one directory for each run. */
  directory: string;
  bootId: string;
  supply: StdioSupply;
  /** Finds out what to start; `scratch` is where the invocation's files will be. */
  prepare(request: RunRequest, scratch: string): Promise<Invocation>;
  filterFor(request: RunRequest): (() => OutputFilter) | undefined;
  log(message: string): void;
  /** The number of live runs has become zero. */
  onIdle(): void;
  /** How journals write; for tests of full disks. */
  append?: Append;
}

/** One run, live or ended. */
export interface Run {
  readonly record: RunRecord;
  readonly journal: Journal;
  /** Absent once it has ended. */
  readonly live: SupervisedRun | undefined;
  /** A leader's event stream begins; the returned function is its end. */
  attachLeader(): () => void;
  state(): RunState;
}

interface Entry extends Run {
  record: RunRecord;
  live: SupervisedRun | undefined;
}

export class Runs {
  readonly #options: RunsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #tidy: NodeJS.Timeout;
  #closed = false;

  private constructor(options: RunsOptions) {
    this.#options = options;
    this.#tidy = setInterval(() => this.#removeExpired(), TIDY_MS);
    this.#tidy.unref();
  }

  /** Takes over a state directory. Runs that an agent before this one left open are closed before it resolves. */
  static async open(options: RunsOptions): Promise<Runs> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const runs = new Runs(options);
    const names = readdirSync(options.directory).filter(name => RunId.safeParse(name).success);
    await Promise.all(names.map(name => runs.#load(name)));
    runs.#removeExpired();
    return runs;
  }

  get liveCount(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.live !== undefined) count += 1;
    return count;
  }

  /**
   * Starts a run, or finds the one that this very request started before.
   * @throws AW_RUN_CONFLICT, AW_TOO_MANY_RUNS, AW_DISK, AW_HOST_UNREACHABLE when the agent is ending
   */
  create(request: RunRequest): { run: Run; created: boolean } {
    const digest = digestOf(request);
    const existing = this.#entries.get(request.runId);
    if (existing !== undefined) {
      if (existing.record.digest === digest) return { run: existing, created: false };
      throw new AwError('AW_RUN_CONFLICT', { runId: request.runId });
    }
    if (this.#closed) throw new AwError('AW_HOST_UNREACHABLE', { reason: 'its agent is ending' });
    const count = this.liveCount;
    if (count >= MAX_LIVE_RUNS) throw new AwError('AW_TOO_MANY_RUNS', { count });
    const entry = this.#start(request, digest);
    this.#entries.set(request.runId, entry);
    return { run: entry, created: true };
  }

  /** @throws AW_RUN_NOT_FOUND */
  get(runId: string): Run {
    const entry = this.#entries.get(runId);
    if (entry === undefined) throw new AwError('AW_RUN_NOT_FOUND', { runId });
    return entry;
  }

  /** Newest first. */
  list(): Run[] {
    return [...this.#entries.values()].sort((a, b) => (a.record.startedAt < b.record.startedAt ? 1 : -1));
  }

  /** Cancels what goes on and waits for its end. No run can be made any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#tidy);
    const live = this.list().flatMap(run => run.live ?? []);
    for (const run of live) run.cancel('SIGTERM', 'the follower agent is ending');
    await Promise.all(live.map(run => run.done));
  }

  #start(request: RunRequest, digest: string): Entry {
    const { supply, prepare, filterFor, bootId, append, log } = this.#options;
    const { runId, host } = request;
    const directory = join(this.#options.directory, runId);
    const epoch = randomUUID();
    const record: RunRecord = { runId, host, epoch, digest, startedAt: new Date().toISOString(), bootId };
    let journal: Journal;
    try {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { mode: 0o700 });
      journal = Journal.create(journalPath(directory), append);
      createRecord(directory, record);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw new AwError('AW_DISK', { path: directory, reason: (error as Error).message }, { cause: error });
    }
    const scratch = join(directory, 'scratch');
    const filter = filterFor(request);
    const live = new SupervisedRun({
      request,
      epoch,
      journal,
      supply,
      scratch,
      prepare: () => prepare(request, scratch),
      ...(filter === undefined ? {} : { filter }),
      onSpawn: ({ pid, mark }) => {
        const fields = { ...(pid && { pid }), ...(mark && { mark }) };
        entry.record = { ...entry.record, ...fields };
        save(fields);
      },
    });
    const leader = watchLeader(request, reason => live.cancel('SIGINT', reason));
    const entry = toEntry(record, journal, live, leader.attach);
    const save = (fields: Pick<RunRecord, 'pid' | 'mark' | 'end'>) => {
      try {
        amendRecord(directory, fields);
      } catch (error) {
        log(`run ${runId}: ${(error as Error).message}`);
      }
    };
    live.done.then(({ reason, code, onDisk }) => {
      leader.close();
      const at = new Date().toISOString();
      const end = { at, reason, code, lines: journal.lines, bytes: journal.committed };
      entry.record = { ...entry.record, end };
      entry.live = undefined;
      // A journal without its end stays open on disk too, so that the next agent closes it.
      if (onDisk) save({ end });
      this.#removeExpired();
      if (this.liveCount === 0) this.#options.onIdle();
    });
    return entry;
  }

  async #load(runId: string): Promise<void> {
    const directory = join(this.#options.directory, runId);
    const record = readRecord(directory);
    try {
      if (record === undefined || record.runId !== runId) {
        // Its agent died before the run was more than a directory.
        rmSync(directory, { recursive: true, force: true });
      } else if (record.end === undefined) {
        const recovered = await recoverRun(directory, record, this.#options.bootId);
        this.#entries.set(runId, toEntry(recovered.record, recovered.journal, undefined, noLeader));
      } else {
        const journal = Journal.ended(journalPath(directory), record.end);
        this.#entries.set(runId, toEntry(record, journal, undefined, noLeader));
      }
    } catch (error) {
      this.#options.log(`run ${runId} cannot be read: ${(error as Error).message}`);
    }
  }

  #removeExpired(): void {
    const ended = [...this.#entries.values()].flatMap(({ record, journal, live }) =>
      record.end === undefined || live !== undefined
        ? []
        : {
            runId: record.runId,
            endedAt: Date.parse(record.end.at),
            bytes: journal.committed,
            inUse: journal.readers > 0,
          },
    );
    for (const runId of expired(ended, Date.now())) {
      this.#entries.delete(runId);
      rmSync(join(this.#options.directory, runId), { recursive: true, force: true });
    }
  }
}

const noLeader = () => () => {};

function toEntry(
  record: RunRecord,
  journal: Journal,
  live: SupervisedRun | undefined,
  attachLeader: () => () => void,
): Entry {
  return {
    record,
    journal,
    live,
    attachLeader,
    state() {
      const { runId, host, epoch, startedAt, pid, end } = this.record;
      const stage = this.live === undefined ? 'ended' : this.live.isEnding ? 'ending' : 'running';
      return {
        runId,
        host,
        epoch,
        state: stage,
        ...(pid === undefined ? {} : { pid }),
        startedAt,
        nextSeq: journal.lines,
        ...(this.live?.input && { stdinBytes: this.live.input.bytes, stdin: this.live.input.state }),
        ...(end === undefined ? {} : { reason: end.reason, code: end.code }),
      };
    },
  };
}
