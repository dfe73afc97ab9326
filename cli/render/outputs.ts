/** What every host of a run printed, bounded, for the modes that show it at the end. */
import { type Event, type HostLog, logBytes } from '../../contract/events.ts';
import { createKeptOutput, type KeptOutput } from './kept-output.ts';

export interface Outputs {
  readonly byHost: ReadonlyMap<string, KeptOutput>;
  apply(event: Event): void;
}

export function createOutputs(hosts: readonly { name: string }[]): Outputs {
  const byHost = new Map(hosts.map(({ name }) => [name, createKeptOutput()]));
  return {
    byHost,
    apply(event) {
      if (event.type !== 'hostLog') return;
      const log = event as HostLog;
      byHost.get(log.host)?.push(log.stream, logBytes(log).toString('latin1'));
    },
  };
}
