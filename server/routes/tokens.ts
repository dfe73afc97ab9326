import type { FastifyInstance } from 'fastify';
import { type ScopedToken, TokenInput } from '../../contract/service-api.ts';
import { newToken, tokenHash } from '../auth/tokens.ts';
import { parsed } from '../http/request-error.ts';
import { TOKEN_LIFETIME } from '../limits.ts';
import type { Store } from '../store/index.ts';
import { sessionOf } from './session-of.ts';

export function tokenRoute(app: FastifyInstance, store: Store): void {
  app.post('/sessions/:id/tokens', { config: { scope: 'admin' } }, async (request, reply) => {
    const { id: sessionId } = await sessionOf(request, store);
    const { host } = parsed(TokenInput, request.body, 'the token');
    const token = newToken();
    const now = Date.now();
    const expiresAt = now + TOKEN_LIFETIME;
    await store.addToken(tokenHash(token), { sessionId, host }, expiresAt, now);
    reply.code(201);
    return { token, sessionId, host, expiresAt: new Date(expiresAt).toISOString() } satisfies ScopedToken;
  });
}
