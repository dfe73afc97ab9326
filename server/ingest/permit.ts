/** What a host's token may say: events of its own runs, in its own name. */
import { AwError } from '../../contract/errors.ts';
import type { Event } from '../../contract/events.ts';
import type { Principal } from '../auth/principal.ts';
import type { NewEvent } from '../store/index.ts';

/** @throws AW_FORBIDDEN */
export function permitSession(principal: Principal | null, sessionId: string): void {
  if (principal?.kind === 'admin') return;
  if (principal?.sessionId !== sessionId) throw new AwError('AW_FORBIDDEN', { what: `session ${sessionId}` });
}

/** All or nothing: one event that is not allowed refuses the batch. @throws AW_FORBIDDEN */
export function permitEvents(principal: Principal | null, events: readonly NewEvent[]): void {
  if (principal?.kind === 'admin') return;
  for (const { event } of events) {
    if (!isOwn(event, principal?.host)) throw new AwError('AW_FORBIDDEN', { what: describe(event) });
  }
}

/** By the form of the type's name, so that a follower may be newer than the service. */
function isOwn(event: Event, host: string | undefined): boolean {
  return (
    /^(?:host[A-Z]|connect\.|note$)/.test(event.type) && event.origin === 'follower' && hostOf(event) === host
  );
}

function describe(event: Event): string {
  const host = hostOf(event);
  return `${event.type} of ${typeof host === 'string' ? `host ${host}` : 'no host'} by ${event.origin ?? 'the leader'}`;
}

function hostOf(event: Event): unknown {
  return 'host' in event ? event.host : undefined;
}
