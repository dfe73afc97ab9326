/** Every request is somebody's before its body is read, and every route says who may call it. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AwError } from '../../contract/errors.ts';
import type { Store } from '../store/index.ts';
import type { Principal } from './principal.ts';
import { type KeyCheck, TOKEN, tokenHash } from './tokens.ts';

/**
 * Without a key the server is open: whoever sends no token is its admin. A token that is presented must be right also
 * then, so that a wrong one is noticed and a host's token never turns into more.
 */
export function installAuthentication(app: FastifyInstance, store: Store, isKey: KeyCheck | undefined): void {
  app.decorateRequest('principal', null);
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.scope === undefined) throw new Error(`route ${url} declares no scope`);
  });
  app.addHook('onRequest', async request => {
    const scope = request.routeOptions.config.scope ?? 'none';
    if (scope === 'none') return;
    const principal = await principalOf(request, store, isKey);
    if (principal.kind === 'host' && scope === 'admin') {
      throw new AwError('AW_FORBIDDEN', { what: `${request.method} ${request.routeOptions.url}` });
    }
    request.principal = principal;
  });
}

async function principalOf(
  request: FastifyRequest,
  store: Store,
  isKey: KeyCheck | undefined,
): Promise<Principal> {
  const header = request.headers.authorization;
  if (header === undefined && isKey === undefined) return { kind: 'admin' };
  const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
  if (token === undefined || !TOKEN.test(token)) throw new AwError('AW_UNAUTHORIZED', {});
  if (isKey?.(token)) return { kind: 'admin' };
  const grant = await store.findToken(tokenHash(token), Date.now());
  if (grant === undefined) throw new AwError('AW_UNAUTHORIZED', {});
  return { kind: 'host', ...grant };
}
