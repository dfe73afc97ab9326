/** What every host of a run printed, bounded, for the modes that show it at the end. */
import { logBytes } from '../../contract/event-parts.ts';
import type { Event, HostLog } from '../../contract/events.ts';
import { createKeptOutput, KEPT_LIMIT, type KeptOutput } from './kept-output.ts';

export interface Outputs {
  readonly byHost: ReadonlyMap<string, KeptOutput>;
  apply(event: Event): void;
}

/** Most bytes kept of all hosts together, whatever their number. */
const TOTAL_LIMIT = 16 * 1024 * 1024;

export function createOutputs(hosts: readonly { name: string }[]): Outputs {
  const limit = Math.min(KEPT_LIMIT, Math.floor(TOTAL_LIMIT / hosts.length));
  const byHost = new Map(hosts.map(({ name }) => [name, createKeptOutput(limit)]));
  return {
    byHost,
    apply(event) {
      if (event.type !== 'hostLog') return;
      const log = event as HostLog;
      byHost.get(log.host)?.push(log.stream, logBytes(log));
    },
  };
}
