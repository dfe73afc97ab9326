/** Brings what is in a spool to the service: in order, one request at a time, again until it was taken. */
import { type AwError, asAwError } from '../../contract/errors.ts';
import { MAX_INGEST, MAX_INGEST_EVENTS } from '../../contract/limits.ts';
import type { ServiceClient } from '../service-client.ts';
import type { Batch, Spool } from './spool.ts';

/** As soon as this much waits, or the first of it has waited this long, it goes. */
const ENOUGH = 64 * 1024;
const MAX_DELAY = 150;
/** A longer body only takes more memory at both ends; an event alone may be longer. */
const FULL = Math.min(512 * 1024, MAX_INGEST);
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5_000;
/** The first failure may only be a kept connection that the service closed meanwhile. */
const WORTH_TELLING = 2;

export interface Pusher {
  /** There may be something to push. */
  poke(): void;
  /** Pushes without waiting for more to come together. True once nothing is left, false after `ms`. */
  drain(ms: number): Promise<boolean>;
  /** Gives up what is under way. */
  stop(): Promise<void>;
}

export interface PusherListener {
  /** The service cannot be reached, or failed; said once for each time it is away. */
  onDelayed(error: AwError): void;
  /** The service refused: nothing is pushed any more. */
  onRefused(error: AwError): void;
}

export function createPusher(
  spool: Spool,
  service: Pick<ServiceClient, 'ingest'>,
  sessionId: string,
  listener: PusherListener,
): Pusher {
  const stopped = new AbortController();
  const bell = createBell();
  let isDraining = false;
  let failures = 0;
  let pause = FIRST_PAUSE;

  /** True when the batch is with the service. */
  const push = async (batch: Batch): Promise<boolean> => {
    try {
      await service.ingest(sessionId, batch.bytes, stopped.signal);
      spool.acknowledge(batch.end);
      failures = 0;
      pause = FIRST_PAUSE;
      return true;
    } catch (thrown) {
      if (stopped.signal.aborted) return false;
      const error = asAwError(thrown);
      if (!mayPass(error)) {
        stopped.abort();
        listener.onRefused(error);
      } else if (++failures === WORTH_TELLING) {
        listener.onDelayed(error);
      }
      return false;
    }
  };

  const work = async () => {
    while (!stopped.signal.aborted) {
      if (spool.pending === 0) {
        await bell.wait(undefined, stopped.signal);
        continue;
      }
      if (!isDraining && spool.pending < ENOUGH) {
        const until = performance.now() + MAX_DELAY;
        while (!isDraining && spool.pending < ENOUGH && !stopped.signal.aborted) {
          const left = until - performance.now();
          if (left <= 0) break;
          await bell.wait(left, stopped.signal);
        }
      }
      const batch = await spool.read(FULL, MAX_INGEST_EVENTS);
      if (batch === undefined || (await push(batch)) || stopped.signal.aborted) continue;
      // Spread, so that several leaders do not come back to a service at the same moment.
      const until = performance.now() + pause * (0.5 + Math.random());
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      for (let left = until - performance.now(); left > 0 && !stopped.signal.aborted; ) {
        await bell.wait(left, stopped.signal);
        left = until - performance.now();
      }
    }
  };
  const working = work().catch((thrown: unknown) => {
    stopped.abort();
    listener.onRefused(asAwError(thrown));
  });

  return {
    poke: bell.ring,
    async drain(ms) {
      isDraining = true;
      bell.ring();
      const until = performance.now() + ms;
      while (spool.pending > 0 && !stopped.signal.aborted && performance.now() < until) {
        await new Promise(fulfil => setTimeout(fulfil, 10));
      }
      return spool.pending === 0;
    },
    async stop() {
      stopped.abort();
      bell.ring();
      await working;
    },
  };
}

/** Whether the same request may be taken another time: the service is away, busy or broken, but did not refuse. */
function mayPass(error: AwError): boolean {
  if (error.code === 'AW_SERVICE_UNREACHABLE') return true;
  const status = error.code === 'AW_SERVICE_REJECTED' ? Number(error.details.status) : error.status;
  return status >= 500 || status === 408 || status === 425 || status === 429;
}

/** A sleep that ends early when the bell rings, or the signal aborts. */
function createBell() {
  let wake: (() => void) | undefined;
  return {
    ring: () => wake?.(),
    wait: (ms: number | undefined, signal: AbortSignal) =>
      new Promise<void>(fulfil => {
        let timer: NodeJS.Timeout | undefined;
        wake = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          wake = undefined;
          fulfil();
        };
        const onAbort = () => wake?.();
        if (ms !== undefined) timer = setTimeout(() => wake?.(), ms);
        if (signal.aborted) wake();
        else signal.addEventListener('abort', onAbort, { once: true });
      }),
  };
}
