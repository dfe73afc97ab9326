/** Lets followers report their events themselves, beside the leader. */
import { AwError, asAwError } from '../../contract/errors.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import { serviceClient } from '../service-client.ts';
import type { ServiceTarget } from '../types.ts';

/** Gets each follower a token of its own. A service that gives none must not keep a run from starting. */
export function createReporter(service: ServiceTarget, tell: (text: string) => void) {
  const { url, token, sessionId } = service;
  const client = serviceClient({ url, ...(token === undefined ? {} : { token }) });
  return async (host: string): Promise<RunRequestInput['report']> => {
    try {
      const scoped = await client.createToken(sessionId, host);
      const path = `/api/v1/sessions/${encodeURIComponent(sessionId)}/events/ingest`;
      return { url: `${client.url}${path}`, token: scoped.token };
    } catch (thrown) {
      const error = thrown instanceof AwError ? thrown : asAwError(thrown);
      tell(`${host} does not report by itself: ${error.message}`);
      return undefined;
    }
  };
}
