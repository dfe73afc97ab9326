import type { FastifyInstance } from 'fastify';
import { AwError } from '../../contract/errors.ts';
import { MAX_INGEST } from '../../contract/limits.ts';
import type { IngestResult } from '../../contract/service-api.ts';
import { eventsOfJson, eventsOfNdjson } from '../ingest/body.ts';
import { permitEvents, permitSession } from '../ingest/permit.ts';
import { validEvents } from '../ingest/validate.ts';
import type { Store } from '../store/index.ts';
import { NDJSON } from '../streams/format.ts';
import type { Hub } from '../streams/hub.ts';
import { sessionIdOf } from './session-of.ts';

/** In a plugin of its own, for no other route takes NDJSON. */
export function ingestRoute(app: FastifyInstance, store: Store, hub: Hub): void {
  app.register(async scoped => {
    scoped.addContentTypeParser<Buffer>(
      NDJSON,
      { parseAs: 'buffer' },
      async (_: unknown, body: Buffer) => body,
    );
    scoped.post(
      '/sessions/:id/events/ingest',
      {
        config: { scope: 'host' },
        bodyLimit: MAX_INGEST,
        preParsing: async request => permitSession(request.principal, sessionIdOf(request)),
      },
      async (request): Promise<IngestResult> => {
        const { body, principal } = request;
        const sessionId = sessionIdOf(request);
        const events = validEvents(Buffer.isBuffer(body) ? eventsOfNdjson(body) : eventsOfJson(body));
        permitEvents(principal, events);
        const appended = await store.append(sessionId, events, Date.now());
        if (appended === undefined) throw new AwError('AW_SESSION_NOT_FOUND', { sessionId });
        hub.publish(sessionId, appended.stored);
        const { stored, duplicates, lastEventId } = appended;
        return { accepted: stored.length, duplicates, lastEventId };
      },
    );
  });
}
