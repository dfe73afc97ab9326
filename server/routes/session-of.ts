import type { FastifyRequest } from 'fastify';
import { AwError } from '../../contract/errors.ts';
import type { Session } from '../../contract/service-api.ts';
import type { Store } from '../store/index.ts';

/** The `{id}` of a route's path. */
export function sessionIdOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}

/** The session a route's path names. @throws AW_SESSION_NOT_FOUND */
export async function sessionOf(request: FastifyRequest, store: Store): Promise<Session> {
  const sessionId = sessionIdOf(request);
  const session = await store.getSession(sessionId);
  if (session === undefined) throw new AwError('AW_SESSION_NOT_FOUND', { sessionId });
  return session;
}
