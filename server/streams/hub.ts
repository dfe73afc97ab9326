/** Brings what was just stored to the open streams, keeps these alive, and ends them when the service stops. */
import type { StoredEvent } from '../store/index.ts';
import { Batch } from './batch.ts';
import type { EventStream } from './event-stream.ts';

export class Hub {
  readonly heartbeatMs: number;
  readonly #streams = new Map<string, Set<EventStream>>();
  /** One timer for all streams. */
  readonly #timer: NodeJS.Timeout;
  #closed = false;
  readonly #emptied = Promise.withResolvers<void>();

  constructor(heartbeatMs: number) {
    this.heartbeatMs = heartbeatMs;
    this.#timer = setInterval(() => this.#each(stream => stream.heartbeat()), heartbeatMs).unref();
  }

  /** Call after each commit. The order of calls does not matter: a stream that sees a gap reads the database. */
  publish(sessionId: string, events: readonly StoredEvent[]): void {
    const streams = this.#streams.get(sessionId);
    if (streams === undefined || events.length === 0) return;
    const batch = new Batch(events);
    for (const stream of [...streams]) stream.push(batch);
  }

  /** The stream has `remove` called when its connection is gone. */
  add(sessionId: string, stream: EventStream): void {
    const streams = this.#streams.get(sessionId) ?? new Set();
    this.#streams.set(sessionId, streams.add(stream));
    if (this.#closed) stream.end('shutdown');
  }

  remove(sessionId: string, stream: EventStream): void {
    const streams = this.#streams.get(sessionId);
    streams?.delete(stream);
    if (streams?.size === 0) this.#streams.delete(sessionId);
    if (this.#closed && this.#streams.size === 0) this.#emptied.resolve();
  }

  /** Resolves when all streams have ended and their last bytes are with the operating system or the connection is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    if (this.#streams.size === 0) return;
    this.#each(stream => stream.end('shutdown'));
    await this.#emptied.promise;
  }

  #each(action: (stream: EventStream) => void): void {
    for (const streams of [...this.#streams.values()]) for (const stream of [...streams]) action(stream);
  }
}
