/**
 * What a run says, in order: numbers the events, encodes output, and feeds the journal one write at a time. What arrives
 * while a write is under way goes into the next one, neighbours of one stream in one event.
 */
import type { HostExited } from '../../contract/events.ts';
import { LOG_CHUNK } from '../../contract/limits.ts';
import { createLogEncoder, type EncodedLog } from './encode.ts';
import { eventLine } from './event-line.ts';
import type { Journal } from './journal.ts';

export type OutputStream = 'stdout' | 'stderr';

/** Changes output bytes before they are recorded; may hold some back until `end`. */
export interface OutputFilter {
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

export interface RecorderOptions {
  journal: Journal;
  runId: string;
  host: string;
  epoch: string;
  logLimit: number;
  /** One filter for each stream. */
  filter?: () => OutputFilter;
  /** The journal is as long as it may become; output is dropped from here on. */
  onLimit(): void;
  /** The disk refused a write; output is dropped from here on. */
  onError(error: NodeJS.ErrnoException): void;
  /** Something was recorded or could not be: whoever waits for room looks again. */
  onProgress(): void;
}

/** What of `hostExited` the run decides; the recorder adds the envelope and `bytes`. */
export type ExitFields = Pick<
  HostExited,
  'code' | 'signal' | 'reason' | 'error' | 'durationMs' | 'survivors'
>;

type Entry = { stream: OutputStream; chunk: Buffer } | { stream?: never; type: string; fields: object };

/** Raw bytes that go into one write at most. */
const BATCH = 1024 * 1024;

export class Recorder {
  /** Raw bytes that wait for the disk. */
  waiting = 0;
  readonly #options: RecorderOptions;
  readonly #encoders = { stdout: createLogEncoder(), stderr: createLogEncoder() };
  readonly #filters: Record<OutputStream, OutputFilter> | undefined;
  #queue: Entry[] = [];
  #seq: number;
  #dropping = false;
  #pumping: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#seq = options.journal.lines;
    const { filter } = options;
    this.#filters = filter === undefined ? undefined : { stdout: filter(), stderr: filter() };
  }

  started(pid: number | undefined): void {
    this.#add({ type: 'hostStarted', fields: pid === undefined ? {} : { pid } });
  }

  output(stream: OutputStream, chunk: Buffer): void {
    const filtered = this.#filters === undefined ? chunk : asBuffer(this.#filters[stream].push(chunk));
    if (filtered.length > 0) this.#add({ stream, chunk: filtered });
  }

  /**
   * Records the end, once everything before it is recorded or refused; `fields` is asked then.
   * @returns what was recorded, and whether it is on disk.
   */
  async exited(fields: () => ExitFields): Promise<ExitFields & { onDisk: boolean }> {
    if (this.#filters !== undefined) {
      for (const stream of ['stdout', 'stderr'] as const) {
        const rest = asBuffer(this.#filters[stream].end());
        if (rest.length > 0) this.#add({ stream, chunk: rest });
      }
    }
    while (this.#pumping !== undefined) await this.#pumping;
    const { journal } = this.#options;
    const held = (['stdout', 'stderr'] as const).flatMap(stream =>
      this.#encoders[stream].end().map(log => this.#logLine(stream, log)),
    );
    if (held.length > 0 && !this.#dropping) await this.#write(held);
    this.#seq = journal.lines;
    // Only when the disk refused the very first write.
    const first = journal.lines === 0 ? [this.#line('hostStarted', {})] : [];
    const bytes = { stdout: this.#encoders.stdout.bytes, stderr: this.#encoders.stderr.bytes };
    const end = fields();
    const onDisk = await journal.finish([...first, this.#line('hostExited', { ...end, bytes })]);
    return { ...end, onDisk };
  }

  #add(entry: Entry): void {
    if (this.#dropping) return;
    this.#queue.push(entry);
    if (entry.stream !== undefined) this.waiting += entry.chunk.length;
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    // Everything that came with the same turn of the event loop goes into one write.
    await null;
    while (this.#queue.length > 0 && !this.#dropping) {
      const lines = this.#takeBatch();
      if (lines.length > 0) await this.#write(lines);
      this.#options.onProgress();
    }
    this.#pumping = undefined;
  }

  async #write(lines: Buffer[]): Promise<void> {
    const { journal, logLimit, onLimit, onError } = this.#options;
    try {
      await journal.append(lines);
      if (journal.committed < logLimit) return;
      this.#drop();
      onLimit();
    } catch (error) {
      this.#drop();
      onError(error as NodeJS.ErrnoException);
    }
  }

  #drop(): void {
    this.#dropping = true;
    this.#queue = [];
    this.waiting = 0;
  }

  #takeBatch(): Buffer[] {
    const lines: Buffer[] = [];
    let taken = 0;
    let used = 0;
    while (used < this.#queue.length && taken < BATCH) {
      const entry = this.#queue[used]!;
      used += 1;
      if (entry.stream === undefined) {
        lines.push(this.#line(entry.type, entry.fields));
        continue;
      }
      const { stream } = entry;
      const chunks = [entry.chunk];
      let length = entry.chunk.length;
      for (let next = this.#queue[used]; next?.stream === stream; next = this.#queue[used]) {
        if (length + next.chunk.length > LOG_CHUNK) break;
        chunks.push(next.chunk);
        length += next.chunk.length;
        used += 1;
      }
      taken += length;
      const chunk = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
      for (const log of this.#encoders[stream].push(chunk)) lines.push(this.#logLine(stream, log));
    }
    this.#queue = used === this.#queue.length ? [] : this.#queue.slice(used);
    this.waiting -= taken;
    return lines;
  }

  #logLine(stream: OutputStream, log: EncodedLog): Buffer {
    return this.#line('hostLog', { stream, ...log });
  }

  #line(type: string, fields: object): Buffer {
    return eventLine(this.#options, this.#seq++, type, fields);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
