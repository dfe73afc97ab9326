import type { FastifyInstance } from 'fastify';
import { PROTOCOL, VERSION } from '../../contract/version.ts';

export function versionRoute(app: FastifyInstance): void {
  app.get('/version', { config: { scope: 'none' } }, async () => ({ version: VERSION, protocol: PROTOCOL }));
}
