import type { Duplex } from 'node:stream';
import type { Info } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';

/** How a command wants its followers reached: the same for all of its hosts. Plain data. */
export interface Reach {
  /** SSH: a host whose key is not on record is trusted, and its key put on record. */
  acceptNewHostKeys?: boolean;
  /** A host where the agent is missing runs the command without one. */
  agentless?: boolean;
  /** SSH: a host without an agent gets one. */
  autoInstall?: boolean;
}

/** What the other end needs to be asked of the person at the keyboard. Undefined: nobody can, or wants to, answer. */
export type Ask = (question: string) => Promise<string | undefined>;

export interface TransportContext extends Reach {
  /** The leader's state root. */
  stateDir: string;
  /** For everything until the stream is there. */
  timeoutMs: number;
  /** Gives up the attempt. */
  signal?: AbortSignal;
  /** Start the agent when it does not run and this transport can. */
  start: boolean;
  /** SSH asks a silent host whether it is still there. Else the agent is asked. */
  keepAlive?: boolean;
  /** The environment of whoever wants the connection: their home, SSH agent and programs. Default: of this process. */
  env?: NodeJS.ProcessEnv;
  /** Absent: there is nobody to ask. */
  ask?: Ask;
  /** What the person should know of, that is no error: what was changed on a host, say. */
  tell?: (text: string) => void;
}

/** Whoever hears what the agent says of itself passes it on: it may shorten the way the next time. */
export type AgentStream = Duplex & { learn?: (info: Info) => void };

/**
 * A way to get a byte stream to a follower's agent. The caller owns the stream.
 * @throws AW_HOST_UNREACHABLE, AW_AGENT_START_FAILED, AW_AGENT_STOPPED (without `start`) and what else is particular to the way, as `AwError`.
 */
export type Transport = (host: HostEntry, context: TransportContext) => Promise<AgentStream>;
