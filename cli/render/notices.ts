/** What events beside a host's own output say to a person. */
import type { Event } from '../../contract/events.ts';

export interface Notice {
  text: string;
  host: string | undefined;
}

/** Undefined for most events. */
export function noticeOf(event: Event): Notice | undefined {
  const host = 'host' in event && typeof event.host === 'string' ? event.host : undefined;
  switch (event.type) {
    case 'note':
      return { host, text: String(event.message) };
    case 'connect.path.degraded':
      return { host, text: 'the connection is lost; trying again, the run goes on there' };
    case 'connect.path.restored':
      return { host, text: 'connected again; nothing was lost' };
    default:
      return undefined;
  }
}
