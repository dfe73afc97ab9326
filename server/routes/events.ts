import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Session } from '../../contract/service-api.ts';
import { parsed } from '../http/request-error.ts';
import type { Store } from '../store/index.ts';
import { EventStream } from '../streams/event-stream.ts';
import { NDJSON, ndjson, type StreamFormat, sse } from '../streams/format.ts';
import type { Hub } from '../streams/hub.ts';
import { sessionOf } from './session-of.ts';

const EventId = z
  .string()
  .regex(/^\d{1,15}$/, 'must be an event id')
  .transform(Number);
const Query = z.looseObject({
  lastEventId: EventId.optional(),
  /** `0`: end after what is stored. */
  follow: z.enum(['0', '1']).optional(),
});
/** An `EventSource` that has not seen an id yet sends none or an empty one. */
const Headers = z.looseObject({ 'last-event-id': EventId.or(z.literal('')).optional() });

/** The stream of a session's events; its form is told in the contract. */
export function eventsRoute(app: FastifyInstance, store: Store, hub: Hub): void {
  const options = { config: { scope: 'admin' }, exposeHeadRoute: false } as const;
  app.get('/sessions/:id/events', options, async (request, reply) => {
    const query = parsed(Query, request.query, 'the query');
    const header = parsed(Headers, request.headers, 'the headers')['last-event-id'];
    const session = await sessionOf(request, store);
    // The header wins: an EventSource that comes back sends it with the query of its first time.
    const asked = typeof header === 'number' ? header : (query.lastEventId ?? 0);
    await stream(request, reply, { store, hub, session, asked, follow: query.follow !== '0' });
  });
}

interface Wanted {
  readonly store: Store;
  readonly hub: Hub;
  readonly session: Session;
  readonly asked: number;
  readonly follow: boolean;
}

async function stream(
  request: FastifyRequest,
  reply: FastifyReply,
  { store, hub, session, asked, follow }: Wanted,
): Promise<void> {
  const format = formatFor(request.headers.accept);
  // An id of the future is from another database under the same name. What that client has is worth nothing here.
  const after = asked <= session.lastEventId ? asked : 0;
  reply.hijack();
  const response = reply.raw;
  // Gone while its session was looked up: there will be no `close` to tidy up at.
  if (response.destroyed) return;
  response.writeHead(200, streamHeaders(format));
  response.write(format.hello({ heartbeatMs: hub.heartbeatMs, lastEventId: after }));
  const upTo = follow ? undefined : session.lastEventId;
  const events = new EventStream({ response, store, sessionId: session.id, format, after, upTo });
  // Of the response: the request's own `close` may come when its body was read, or never.
  response.once('close', () => {
    events.abandon();
    hub.remove(session.id, events);
  });
  hub.add(session.id, events);
  try {
    await events.read();
  } catch {
    response.destroy();
  }
}

function formatFor(accept: string | undefined): StreamFormat {
  return accept?.toLowerCase().includes(NDJSON) ? ndjson : sse;
}

/** No proxy on the way may keep, change or collect what passes. */
function streamHeaders(format: StreamFormat): Record<string, string> {
  return {
    'content-type': format.contentType,
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    vary: 'accept',
  };
}
