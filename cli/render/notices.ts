/** What events beside a host's own output say to a person. */
import type { Event } from '../../contract/events.ts';
import { printable } from './printable.ts';

/** The lines for one event; none for most. */
export function noticeLines(event: Event): string[] {
  const host = 'host' in event && typeof event.host === 'string' ? event.host : undefined;
  const where = host === undefined ? '' : ` (host ${printable(host)})`;
  switch (event.type) {
    case 'note':
      return [`note${where}: ${printable(String(event.message))}`];
    case 'connect.path.degraded':
      return [`note${where}: the connection is lost; trying again, the run goes on there`];
    case 'connect.path.restored':
      return [`note${where}: connected again; nothing was lost`];
    default:
      return [];
  }
}
