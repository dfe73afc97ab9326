/** The HTTP application: what is done to every request, then the routes. */
import Fastify, { type FastifyInstance } from 'fastify';
import { installAuthentication } from './auth/authenticate.ts';
import { installOriginGuard, type OriginRules } from './auth/origin-guard.ts';
import type { KeyCheck } from './auth/tokens.ts';
import { installBodies } from './http/bodies.ts';
import { watchMethods } from './http/methods.ts';
import { answerBrokenRequest, codedError, installProblems, type Log, sendProblem } from './http/problems.ts';
import { CLOSE_GRACE, IDLE_TIMEOUT, MAX_BODY, MAX_CONNECTIONS, REQUEST_TIMEOUT } from './limits.ts';
import { eventsRoute } from './routes/events.ts';
import { followersRoute } from './routes/followers.ts';
import { healthRoute } from './routes/health.ts';
import { ingestRoute } from './routes/ingest.ts';
import { logsRoute } from './routes/logs.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { tokenRoute } from './routes/tokens.ts';
import { versionRoute } from './routes/version.ts';
import type { Store } from './store/index.ts';
import { Hub } from './streams/hub.ts';

export interface AppParts {
  readonly store: Store;
  readonly isKey: KeyCheck | undefined;
  readonly origins: OriginRules;
  readonly heartbeatMs: number;
  readonly log: Log;
}

export function buildApp({ store, isKey, origins, heartbeatMs, log }: AppParts): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY,
    requestTimeout: REQUEST_TIMEOUT,
    connectionTimeout: Math.max(IDLE_TIMEOUT, 3 * heartbeatMs),
    forceCloseConnections: 'idle',
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, _request, reply) => sendProblem(reply, codedError(error, MAX_BODY)),
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  const hub = new Hub(heartbeatMs);
  const refuseOtherMethods = watchMethods(app);

  installProblems(app, log);
  installOriginGuard(app, origins);
  installBodies(app);
  installAuthentication(app, store, isKey);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
  });

  app.register(
    async api => {
      healthRoute(api);
      versionRoute(api);
      sessionRoutes(api, store);
      tokenRoute(api, store);
      ingestRoute(api, store, hub);
      eventsRoute(api, store, hub);
      logsRoute(api, store);
      followersRoute(api, store);
    },
    { prefix: '/api/v1' },
  );
  app.register(async () => refuseOtherMethods());

  closeInTime(app, () => hub.close());
  app.addHook('onClose', () => store.close());
  return app;
}

/** Requests that are half sent and answers that nobody takes would hold the server open for as long as they like. */
function closeInTime(app: FastifyInstance, endStreams: () => Promise<void>): void {
  let timer: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE);
    // Node takes a connection for idle, and drops it, when its answer was ended but is not sent yet.
    await endStreams();
  });
  app.addHook('onClose', async () => clearTimeout(timer));
}
