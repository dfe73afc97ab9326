import type { FastifyInstance } from 'fastify';
import { MAX_LISTED } from '../limits.ts';
import type { Store } from '../store/index.ts';

export function followersRoute(app: FastifyInstance, store: Store): void {
  app.get('/followers', { config: { scope: 'admin' } }, async () => ({
    followers: await store.listFollowers(MAX_LISTED),
  }));
}
