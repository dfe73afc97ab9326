import type { FastifyInstance } from 'fastify';
import { SessionInput } from '../../contract/service-api.ts';
import { parsed } from '../http/request-error.ts';
import { MAX_LISTED } from '../limits.ts';
import type { Store } from '../store/index.ts';
import { newSessionId } from './session-id.ts';
import { sessionOf } from './session-of.ts';

export function sessionRoutes(app: FastifyInstance, store: Store): void {
  app.post('/sessions', { config: { scope: 'admin' } }, async (request, reply) => {
    const now = Date.now();
    const input = parsed(SessionInput, request.body ?? {}, 'the session');
    const id = input.id ?? newSessionId(now);
    const { session, created } = await store.createSession({ id, title: input.title }, now);
    reply.code(created ? 201 : 200).header('location', `/api/v1/sessions/${id}`);
    return session;
  });

  app.get('/sessions', { config: { scope: 'admin' } }, async () => ({
    sessions: await store.listSessions(MAX_LISTED),
  }));

  app.get('/sessions/:id', { config: { scope: 'admin' } }, request => sessionOf(request, store));
}
