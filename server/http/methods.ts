/** A known address asked with the wrong method is 405 with `Allow`, not 404. */
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { RequestError } from './request-error.ts';

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Call before the routes are added; the function it returns, after. */
export function watchMethods(app: FastifyInstance): () => void {
  const allowed = new Map<string, Set<HTTPMethods>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = allowed.get(url) ?? new Set();
    allowed.set(url, methods);
    for (const one of [method].flat()) methods.add(one as HTTPMethods);
  });
  return () => {
    for (const [url, methods] of [...allowed]) {
      const allow = [...methods].join(', ');
      app.route({
        method: METHODS.filter(method => !methods.has(method)),
        url,
        config: { scope: 'none' },
        // Before the body is read: it may be of any type.
        onRequest: async (request, reply) => {
          reply.header('allow', allow);
          throw new RequestError(`${request.method} is not possible here, only ${allow}`, { status: 405 });
        },
        handler: async () => {},
      });
    }
  };
}
