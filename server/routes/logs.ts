import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type HostLog, logBytes } from '../../contract/events.ts';
import { HostName, RunId } from '../../contract/names.ts';
import { parsed } from '../http/request-error.ts';
import type { LogFilter, Store } from '../store/index.ts';
import { sessionOf } from './session-of.ts';

const Query = z.looseObject({
  host: HostName.optional(),
  stream: z.enum(['stdout', 'stderr']).optional(),
  run: RunId.optional(),
});

/** The log as it is when asked for: what is stored later is not waited for. */
export function logsRoute(app: FastifyInstance, store: Store): void {
  const options = { config: { scope: 'admin' }, exposeHeadRoute: false } as const;
  app.get('/sessions/:id/logs', options, async (request, reply) => {
    const filter = parsed(Query, request.query, 'the query');
    const { id, lastEventId } = await sessionOf(request, store);
    reply.type('application/octet-stream');
    return Readable.from(logChunks(store, id, filter, lastEventId), { objectMode: false });
  });
}

/** One page in memory at a time, and only when the one before was taken. */
async function* logChunks(
  store: Store,
  sessionId: string,
  filter: LogFilter,
  upTo: number,
): AsyncGenerator<Buffer> {
  for (let after = 0; after < upTo; ) {
    const { logs, next } = await store.readLogs(sessionId, filter, { after, upTo });
    const bytes = Buffer.concat(logs.map(json => logBytes(JSON.parse(json) as HostLog)));
    if (bytes.length > 0) yield bytes;
    after = next;
    // Reading is synchronous inside: let others have their turn.
    await setImmediate();
  }
}
