/** The life of one run: prepare, spawn, record, end. */
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { ExitReason, Survivor } from '../../contract/events.ts';
import type { RunRequest } from '../../contract/follower-api.ts';
import { DEFAULT_LOG_LIMIT, READER_WINDOW } from '../../contract/limits.ts';
import { startMark } from '../../tunnel/identity.ts';
import type { Invocation } from '../adapters/types.ts';
import { type Ending, endTree } from './ending.ts';
import { RunInput } from './input.ts';
import type { Journal } from './journal.ts';
import { launch, writeScratch } from './launch.ts';
import { type Exit, outcomeOf, refusalOf, type Verdict } from './outcome.ts';
import { type ExitFields, type OutputFilter, type OutputStream, Recorder } from './recorder.ts';
import type { RunStdio, RunStreams, StdioSupply } from './stdio.ts';
import {
  canFindTrees,
  countStarts,
  findTree,
  type ProcessEntry,
  runMarks,
  signalTree,
  type TreeRoot,
  type TreeSignal,
} from './tree.ts';

/** How long the streams may stay open after the command itself has ended. */
const DRAIN_MS = 1000;
/** How long helpers that are about to end may take to do so before they count as left behind. */
const SETTLE_MS = 200;
/** Raw output that may wait for the disk. */
const WAITING_LIMIT = 1024 * 1024;
/** The longest time a timer can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface SuperviseOptions {
  request: RunRequest;
  epoch: string;
  journal: Journal;
  supply: StdioSupply;
  /** Private to this run; removed after it. */
  scratch: string;
  /** Finds out what to start. What it throws is the run's `spawn-failed`. */
  prepare(request: RunRequest): Promise<Invocation>;
  filter?: () => OutputFilter;
  onSpawn(root: TreeRoot): void;
}

export interface RunEnd {
  reason: ExitReason;
  code: number | null;
  /** Whether the journal on disk has it. */
  onDisk: boolean;
}

interface Started {
  child: ChildProcess & { pid: number };
  stdio: RunStdio;
}

export class SupervisedRun {
  readonly done: Promise<RunEnd>;
  pid: number | undefined;
  /** Absent for a run without input. */
  readonly input: RunInput | undefined;
  readonly #options: SuperviseOptions;
  readonly #recorder: Recorder;
  #root: TreeRoot;
  #streams: RunStreams | undefined;
  #verdict: Verdict | undefined;
  #exit: Exit | undefined;
  #ending: Ending | undefined;
  readonly #endingBegan = Promise.withResolvers<Ending>();
  #isOver = false;
  #full = false;
  #paused = false;

  constructor(options: SuperviseOptions) {
    const { request, journal, epoch, filter } = options;
    this.#options = options;
    this.#root = { marks: runMarks(request.runId, request.host) };
    this.input = request.stdin === 'stream' ? new RunInput() : undefined;
    journal.onReader = () => this.#regulate();
    this.#recorder = new Recorder({
      journal,
      runId: request.runId,
      host: request.host,
      epoch,
      logLimit: request.logLimit ?? DEFAULT_LOG_LIMIT,
      ...(filter === undefined ? {} : { filter }),
      onProgress: () => this.#regulate(),
      onLimit: () => {
        const limit = request.logLimit ?? DEFAULT_LOG_LIMIT;
        this.#cutOff(new AwError('AW_LOG_LIMIT', { limit }, { host: request.host }));
      },
      onError: ({ code, message }) => {
        const details = { path: journal.path, reason: code ?? message };
        this.#cutOff(new AwError('AW_DISK', details, { host: request.host }));
      },
    });
    this.done = this.#live();
  }

  /** True from the moment the run is being ended or has ended by itself. */
  get isEnding(): boolean {
    return this.#ending !== undefined || this.#exit !== undefined || this.#verdict !== undefined;
  }

  /** Ends the run, from `signal` on. Once the command has ended by itself, only what it left behind. */
  cancel(signal: TreeSignal, reason: string): void {
    const error = new AwError('AW_RUN_CANCELLED', { reason }, { host: this.#options.request.host });
    this.#end({ reason: 'cancelled', error }, signal);
  }

  /** Sends a signal to all processes of the run, and nothing more. */
  async signal(signal: TreeSignal): Promise<void> {
    if (this.pid !== undefined && !this.#isOver) await signalTree(this.#root, signal);
  }

  async #live(): Promise<RunEnd> {
    let fields: () => ExitFields;
    try {
      const child = await this.#start();
      fields = await this.#follow(child);
    } catch (error) {
      this.#recorder.started(undefined);
      this.input?.open(undefined);
      const refusal = refusalOf(asAwError(error, this.#options.request.host), this.#verdict);
      fields = () => refusal;
    }
    this.#isOver = true;
    rmSync(this.#options.scratch, { recursive: true, force: true });
    const { onDisk, reason, code } = await this.#recorder.exited(fields);
    return { reason: reason ?? 'lost', code, onDisk };
  }

  /** @throws what keeps the command from being started. */
  async #start(): Promise<Started> {
    const { request, prepare, supply, scratch } = this.#options;
    const invocation = await prepare(request);
    const stdio = await supply.open(request.stdin);
    try {
      if (this.#verdict !== undefined) throw this.#verdict.error;
      writeScratch(scratch, invocation);
      const starts = countStarts();
      this.#root = { ...this.#root, ...(starts === undefined ? {} : { starts }) };
      return { child: await launch(invocation, stdio), stdio };
    } catch (error) {
      stdio.abandon();
      throw error;
    }
  }

  /** Never rejects. @returns how it ended, to be asked once all output is recorded: that may still fail. */
  async #follow({ child, stdio }: Started): Promise<() => ExitFields> {
    const { timeoutMs } = this.#options.request;
    const startedAt = performance.now();
    const stop = new AbortController();
    const seen = new Promise<void>(fulfil => {
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        fulfil();
      });
    });
    const unkillable = this.#endingBegan.promise
      .then(ending => ending.done)
      .then(() => sleep(DRAIN_MS, undefined, { signal: stop.signal }))
      .catch(() => {});
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => this.#timeOut(timeoutMs), Math.min(timeoutMs, MAX_TIMER_MS));
    this.pid = child.pid;
    const mark = startMark(child.pid);
    this.#root = { ...this.#root, pid: child.pid, ...(mark === undefined ? {} : { mark }) };
    this.#recorder.started(child.pid);
    const closed = this.#record(stdio.attach(child));
    this.#options.onSpawn(this.#root);

    await Promise.race([seen, unkillable]);
    stop.abort();
    clearTimeout(timer);
    const durationMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
    void this.input?.close();
    const survivors = await this.#finish(closed);
    return () => ({
      ...outcomeOf(this.#exit, this.#verdict),
      durationMs,
      ...(canFindTrees ? { survivors } : {}),
    });
  }

  /** Feeds the recorder. Resolves when both streams are at their end. */
  async #record(streams: RunStreams): Promise<void> {
    this.#streams = streams;
    this.input?.open(streams.stdin);
    const ends = (['stdout', 'stderr'] as const).map((name: OutputStream) => {
      const stream = streams[name];
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => {
        this.#recorder.output(name, chunk);
        this.#regulate();
      });
      return new Promise(fulfil => stream.once('close', fulfil));
    });
    await Promise.all(ends);
  }

  /** Makes the command wait for the disk and for its slowest reader, by not taking its output. */
  #regulate(): void {
    const wait =
      !this.#full && (this.#recorder.waiting > WAITING_LIMIT || this.#options.journal.lag > READER_WINDOW);
    if (wait === this.#paused || this.#streams === undefined) return;
    this.#paused = wait;
    for (const stream of [this.#streams.stdout, this.#streams.stderr]) {
      if (wait) stream.pause();
      else stream.resume();
    }
  }

  #timeOut(timeoutMs: number): void {
    const { host } = this.#options.request;
    const error = new AwError('AW_RUN_TIMEOUT', { seconds: timeoutMs / 1000 }, { host });
    this.#end({ reason: 'timeout', error }, 'SIGINT');
  }

  /** The journal takes no more output: the run cannot be reported any more, so it must not go on. */
  #cutOff(error: AwError): void {
    this.#full = true;
    this.#regulate();
    // Even when the command has ended by itself: its output is not all there.
    if (this.#verdict === undefined) this.#verdict = { reason: 'lost', error };
    this.#end(this.#verdict, 'SIGTERM');
  }

  #end(verdict: Verdict, signal: TreeSignal): void {
    if (this.#exit === undefined) this.#verdict ??= verdict;
    if (this.pid === undefined || this.#isOver) return;
    if (this.#ending === undefined) {
      const { graceMs } = this.#options.request;
      this.#ending = endTree(this.#root, { signal, graceMs, rootEnded: () => this.#exit !== undefined });
      this.#endingBegan.resolve(this.#ending);
    } else {
      this.#ending.raise(signal);
    }
  }

  /** What comes after the command's own end: the rest of its output, and the processes it left behind. */
  async #finish(closed: Promise<void>): Promise<Survivor[]> {
    let left = (await this.#ending?.done) ?? [];
    let isClosed = false;
    const seen = closed.then(() => {
      isClosed = true;
    });
    // Only time in which output is taken counts: what the command wrote may still wait for a slow reader.
    for (let waited = 0; !isClosed && waited < DRAIN_MS; ) {
      const before = performance.now();
      await Promise.race([seen, sleep(20)]);
      if (!this.#paused) waited += performance.now() - before;
    }
    this.#streams!.stdout.destroy();
    this.#streams!.stderr.destroy();
    await closed;
    if (this.#ending === undefined) {
      const look = () => findTree(this.#root).catch(() => []);
      const deadline = performance.now() + SETTLE_MS;
      for (left = await look(); left.length > 0 && this.#ending === undefined; left = await look()) {
        if (performance.now() > deadline) break;
        await sleep(20);
      }
    }
    if (this.#ending !== undefined) left = await (this.#ending as Ending).done;
    return left.slice(0, 100).map(describe);
  }
}

function describe(entry: ProcessEntry): Survivor {
  return { pid: entry.pid, command: entry.command().slice(0, 200) };
}
