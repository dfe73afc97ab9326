import type { FastifyInstance } from 'fastify';

export function healthRoute(app: FastifyInstance): void {
  app.get('/health', { config: { scope: 'none' } }, async () => ({ status: 'ok' }));
}
