/** What a person may know of the connections that are kept. */
import type { HostEntry } from '../../contract/hosts.ts';
import { formatEndpoint } from '../../tunnel/endpoint.ts';
import { localEndpoint } from '../transports/local.ts';
import type { KeptConnection } from './kept-connection.ts';

export interface Place {
  host: string;
  /** As the catalogue has it. */
  transport: string;
  /** Where the agent listens, or where SSH connects to. */
  address: string;
}

export interface PoolEntry extends Place {
  /** `closing`: it did not answer, or has hung up, and is not handed out any more. */
  state: 'connecting' | 'idle' | 'busy' | 'closing';
  /** Clients that use it. */
  leases: number;
  /** ISO 8601. This and what follows once it is there. */
  connectedAt?: string;
  lastUsedAt?: string;
  /** Of the last ping, or of the agent's first answer. */
  rttMs?: number;
  /** Of the agent. */
  version?: string;
}

export function placeOf(host: HostEntry, stateDir: string): Place {
  const { name, transport, address = '', port } = host;
  const at =
    transport === 'local'
      ? formatEndpoint(localEndpoint(host, stateDir))
      : formatEndpoint({ kind: 'tcp', host: address, port: port ?? 22 }).replace('tcp://', '');
  return { host: name, transport, address: at };
}

export function entryOf(kept: KeptConnection): PoolEntry {
  const { place, leases, isUsable, connection } = kept;
  const state = leases > 0 ? 'busy' : 'idle';
  return {
    ...place,
    state: isUsable ? state : 'closing',
    leases,
    connectedAt: new Date(kept.connectedAt).toISOString(),
    lastUsedAt: new Date(kept.lastUsedAt).toISOString(),
    rttMs: connection.watch.rttMs ?? connection.rttMs,
    version: connection.info.version,
  };
}
