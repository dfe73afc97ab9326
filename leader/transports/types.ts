import type { Duplex } from 'node:stream';
import type { HostEntry } from '../../contract/hosts.ts';

export interface TransportContext {
  /** The leader's state root. */
  stateDir: string;
  /** For everything until the stream is there. */
  timeoutMs: number;
  /** Gives up the attempt. */
  signal?: AbortSignal;
  /** Start the agent when it does not run and this transport can. */
  start: boolean;
  /** SSH: a host whose key is not on record is trusted, and its key put on record. */
  acceptNewHostKeys?: boolean;
}

/**
 * A way to get a byte stream to a follower's agent. The caller owns the stream.
 * @throws AW_HOST_UNREACHABLE, AW_AGENT_START_FAILED, AW_AGENT_STOPPED (without `start`) and what else is particular to the way, as `AwError`.
 */
export type Transport = (host: HostEntry, context: TransportContext) => Promise<Duplex>;
