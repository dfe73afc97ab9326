/** Reads a session's events over SSE: resumes after a lost connection, and notices a dead one by its silence. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { AwError, asAwError } from '../contract/errors.ts';
import type { Event } from '../contract/events.ts';
import { MAX_LINE } from '../contract/limits.ts';
import { StreamHello } from '../contract/service-api.ts';
import { parseEvent, unreachable } from './service-http.ts';

/** An event and its position in its session. */
export interface StoredEvent {
  id: number;
  event: Event;
}

/** Until the service has said how often it gives a sign of life. */
const DEFAULT_HEARTBEAT = 15_000;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10_000;
/** Answers after which asking again is no use. */
const FINAL = new Set<string>([
  'AW_UNAUTHORIZED',
  'AW_FORBIDDEN',
  'AW_SESSION_NOT_FOUND',
  'AW_NOT_FOUND',
  'AW_SERVICE_REJECTED',
]);

type Open = (headers: Record<string, string>, signal: AbortSignal) => Promise<IncomingMessage>;

interface ReadOptions {
  /** Of the service, for errors. */
  url: string;
  after: number;
  follow: boolean;
  signal: AbortSignal | undefined;
}

/**
 * Every event after `after`, each once, in order. Without `follow` ends behind those that are stored now, otherwise only
 * when `signal` aborts.
 * @throws the service's answer when it refuses (401, 403, 404); AW_SERVICE_UNREACHABLE when it cannot be reached at first,
 * without `follow` also later
 */
export async function* readEvents(
  open: Open,
  { url, after, follow, signal }: ReadOptions,
): AsyncGenerator<StoredEvent> {
  let last = after;
  let pause = FIRST_PAUSE;
  let everConnected = false;
  for (;;) {
    if (signal?.aborted) return;
    const connection = createConnection(url, signal);
    try {
      const headers = { accept: 'text/event-stream', 'last-event-id': String(last) };
      connection.opened(await open(headers, connection.signal));
      everConnected = true;
      for await (const stored of connection.events()) {
        pause = FIRST_PAUSE;
        last = stored.id;
        yield stored;
      }
      if (connection.isComplete) return;
    } catch (thrown) {
      if (signal?.aborted) return;
      const error = asAwError(thrown);
      if (!everConnected || !follow || FINAL.has(error.code)) throw error;
    } finally {
      connection.close();
    }
    // Spread, so that the readers of a service that restarts do not come back all at once.
    const delay = connection.retry ?? pause * (0.5 + Math.random());
    await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch(() => {});
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

function createConnection(url: string, outer: AbortSignal | undefined) {
  const own = new AbortController();
  let heartbeat = DEFAULT_HEARTBEAT;
  let watchdog: NodeJS.Timeout | undefined;
  let retry: number | undefined;
  let body: IncomingMessage | undefined;
  let isComplete = false;
  const ready: StoredEvent[] = [];
  let failure: AwError | undefined;

  const alive = () => {
    clearTimeout(watchdog);
    const limit = 3 * heartbeat;
    watchdog = setTimeout(() => own.abort(new Error(`no sign of life for ${limit / 1000} s`)), limit);
  };
  const take = ({ id, event, data }: EventSourceMessage) => {
    if (event === 'hello') {
      const hello = StreamHello.safeParse(JSON.parse(data));
      if (hello.success) heartbeat = hello.data.heartbeatMs;
    } else if (event === 'end') {
      isComplete = JSON.parse(data).reason === 'complete';
    } else if (event === undefined && /^\d{1,15}$/.test(id ?? '')) {
      ready.push({ id: Number(id), event: parseEvent(data) });
    }
  };
  const parser = createParser({
    maxBufferSize: 2 * MAX_LINE,
    onEvent(message) {
      try {
        take(message);
      } catch (error) {
        failure ??= asAwError(error);
      }
    },
    onRetry(interval) {
      retry = Math.min(interval, LONGEST_PAUSE);
    },
    onError(error) {
      if (error.type !== 'max-buffer-size-exceeded') return;
      failure ??= new AwError('AW_FRAME_TOO_LARGE', { what: 'an event of the service', limit: 2 * MAX_LINE });
    },
  });

  return {
    signal: outer === undefined ? own.signal : AbortSignal.any([own.signal, outer]),
    /** All that was asked for has come. */
    get isComplete() {
      return isComplete;
    },
    get retry() {
      return retry;
    },
    /** @throws AW_SERVICE_REJECTED when this is no event stream. */
    opened(answer: IncomingMessage) {
      body = answer;
      const type = answer.headers['content-type'] ?? '';
      if (type.startsWith('text/event-stream')) return;
      const reason = `with ${type || 'something'} instead of an event stream`;
      throw new AwError('AW_SERVICE_REJECTED', { status: answer.statusCode ?? 0, reason });
    },
    async *events(): AsyncGenerator<StoredEvent> {
      const decoder = new TextDecoder();
      alive();
      try {
        for await (const chunk of body ?? []) {
          // While the consumer is busy with what it has, no silence is the service's.
          clearTimeout(watchdog);
          parser.feed(decoder.decode(chunk, { stream: true }));
          yield* ready.splice(0);
          if (failure !== undefined) throw failure;
          alive();
        }
      } catch (error) {
        throw error instanceof AwError ? error : unreachable(url, own.signal.reason ?? error);
      }
    },
    close() {
      clearTimeout(watchdog);
      own.abort();
    },
  };
}
