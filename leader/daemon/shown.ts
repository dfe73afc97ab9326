/**
 * What of a run was shown already. Following it again from its first event, with another leader, shows the rest: nothing is
 * left out and nothing comes twice.
 */
import type { Event } from '../../contract/events.ts';

interface ShownHost {
  /** The follower's number of its last event. */
  seq: number;
  hasStarted: boolean;
  hasExited: boolean;
}

/** Says of each event in turn whether it is new. */
export function createShown(): (event: Event) => boolean {
  const hosts = new Map<string, ShownHost>();
  let isSummed = false;
  return event => {
    if (event.type === 'summary') {
      if (isSummed) return false;
      isSummed = true;
      return true;
    }
    if (!('host' in event) || typeof event.host !== 'string') return true;
    let host = hosts.get(event.host);
    if (host === undefined) {
      host = { seq: -1, hasStarted: false, hasExited: false };
      hosts.set(event.host, host);
    }
    // How a host ended was said, whoever said it.
    if (host.hasExited || (event.type === 'hostStarted' && host.hasStarted)) return false;
    if (event.origin === 'follower' && event.seq !== undefined) {
      if (event.seq <= host.seq) return false;
      host.seq = event.seq;
    }
    if (event.type === 'hostStarted') host.hasStarted = true;
    if (event.type === 'hostExited') host.hasExited = true;
    return true;
  };
}
