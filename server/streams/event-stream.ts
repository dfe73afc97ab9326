/**
 * One client's stream of one session's events: first those stored, read page by page as the client takes them, then
 * live ones as they are stored.
 *
 * No event is left out or sent twice, because ids have no gaps: only the event after the last one sent is ever sent.
 * Live events that do not continue the stream (it is still reading, or they came out of order, or are many) are not kept
 * for later; the stream reads them from the database. So memory holds at most one page and the unsent bytes.
 */
import type { ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { CLIENT_BYTES, CLIENT_EVENTS, CUT_GRACE, STALL_TIMEOUT } from '../limits.ts';
import type { Store } from '../store/index.ts';
import { Batch } from './batch.ts';
import { drained } from './drain.ts';
import type { EndReason, StreamFormat } from './format.ts';

export interface StreamPlan {
  readonly response: ServerResponse;
  readonly store: Store;
  readonly sessionId: string;
  readonly format: StreamFormat;
  /** The id after which to begin. */
  readonly after: number;
  /** The id to end with; absent for a stream that goes on with live events. */
  readonly upTo: number | undefined;
}

export class EventStream {
  readonly #plan: StreamPlan;
  /** The id of the last event that was written. */
  #sent: number;
  #mode: 'reading' | 'live' | 'ended' = 'reading';
  /** Something was published while reading: what was read may not be all. */
  #missed = false;
  /** Events written but still in this process. */
  #unsent = 0;

  constructor(plan: StreamPlan) {
    this.#plan = plan;
    this.#sent = plan.after;
  }

  /** Sends what is stored. Resolves when the stream is live or has ended; rejects when the database fails. */
  async read(): Promise<void> {
    const { response, store, sessionId, upTo } = this.#plan;
    while (await drained(response, STALL_TIMEOUT)) {
      this.#missed = false;
      const range = { after: this.#sent, upTo: upTo ?? Number.MAX_SAFE_INTEGER };
      const page = await store.readEvents(sessionId, range);
      if (this.#mode === 'ended') return;
      if (page.length > 0) this.#write(new Batch(page));
      else if (upTo !== undefined) return this.end('complete');
      else if (!this.#missed) {
        this.#mode = 'live';
        return;
      }
      // Reading is synchronous inside: let others have their turn.
      await setImmediate();
    }
    this.#cut();
  }

  /** Takes events that were just stored. */
  push(batch: Batch): void {
    if (this.#mode !== 'live') {
      this.#missed = true;
      return;
    }
    if (batch.lastId <= this.#sent) return;
    const { response, format } = this.#plan;
    if (response.writableLength >= CLIENT_BYTES || this.#unsent >= CLIENT_EVENTS) {
      this.#cut();
    } else if (batch.firstId === this.#sent + 1 && isSmall(batch, format)) {
      this.#write(batch);
    } else {
      this.#mode = 'reading';
      this.read().catch(() => response.destroy());
    }
  }

  /** Only where nothing is waiting: a client that takes nothing must not be sent more, and one that does is not idle. */
  heartbeat(): void {
    const { response, format } = this.#plan;
    if (this.#mode !== 'ended' && response.writableLength === 0) response.write(format.heartbeat);
  }

  end(reason: EndReason): void {
    this.#finish(this.#plan.format.end(reason));
  }

  /** For the owner of the connection: it is gone, do nothing more. */
  abandon(): void {
    this.#mode = 'ended';
  }

  /** The client is too slow, or gone. It can come back and go on after the last event it got. */
  #cut(): void {
    this.#finish(this.#plan.format.lagged(this.#sent));
  }

  /** What is on its way may still arrive; a client that takes none of it is not waited for. */
  #finish(lastWords: string): void {
    if (this.#mode === 'ended') return;
    this.#mode = 'ended';
    const { response } = this.#plan;
    response.end(lastWords);
    const timer = setTimeout(() => response.destroy(), CUT_GRACE);
    response.once('close', () => clearTimeout(timer));
  }

  #write(batch: Batch): void {
    const count = batch.events.length;
    this.#sent = batch.lastId;
    this.#unsent += count;
    this.#plan.response.write(batch.as(this.#plan.format), () => {
      this.#unsent -= count;
    });
  }
}

/** One that is as large as all a client may have unsent would get a client cut off that keeps up well. */
function isSmall(batch: Batch, format: StreamFormat): boolean {
  return batch.events.length <= CLIENT_EVENTS / 2 && batch.as(format).length <= CLIENT_BYTES / 2;
}
