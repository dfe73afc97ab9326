/** The two forms of an event stream: SSE for browsers and `curl -N`, NDJSON for programs. */
import type { StreamHello } from '../../contract/service-api.ts';
import type { StoredEvent } from '../store/index.ts';

export const NDJSON = 'application/x-ndjson';

/** Why the service itself ends a stream: all was sent, or it is about to stop. */
export type EndReason = 'complete' | 'shutdown';

export interface StreamFormat {
  readonly contentType: string;
  readonly heartbeat: Buffer;
  hello(hello: StreamHello): string;
  event(event: StoredEvent): string;
  lagged(lastEventId: number): string;
  end(reason: EndReason): string;
}

/**
 * JSON has no raw line break, so one `data:` line holds an event. Contract events have no `event:` field, for an
 * `EventSource` gives only those to `onmessage`; the stream's own messages have one, and no id, so that they never
 * become the id to resume from.
 */
export const sse: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  heartbeat: Buffer.from(': heartbeat\n\n'),
  hello: hello => `retry: ${retryMs()}\n${own('hello', hello)}`,
  event: ({ id, json }) => `id: ${id}\ndata: ${json}\n\n`,
  lagged: lastEventId => own('lagged', { lastEventId }),
  end: reason => own('end', { reason }),
};

/** The events alone: the nth has the id `lastEventId + n`, because ids have no gaps. */
export const ndjson: StreamFormat = {
  contentType: NDJSON,
  heartbeat: Buffer.from('\n'),
  hello: () => '',
  event: ({ json }) => `${json}\n`,
  lagged: () => '',
  end: () => '',
};

function own(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Spread, so that the clients of a server that went away do not all come back at once. */
function retryMs(): number {
  return 500 + Math.floor(Math.random() * 1000);
}
