/** All that a run is made of, before it begins. */
import type { HostExited } from '../../contract/events.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Lock } from '../../tunnel/lock.ts';
import type { ConnectRun } from '../follower-client.ts';
import type { Ingest } from '../ingest/index.ts';
import type { TransportContext } from '../transports/index.ts';
import type { Outcome } from '../types.ts';
import type { FenceEvents, Fencing } from './fencing.ts';
import type { InputReaders } from './input.ts';
import type { LeaderEvents } from './leader-events.ts';
import type { Timing } from './timing.ts';

export interface Score {
  runId: string;
  hosts: HostEntry[];
  stateDir: string;
  /** Of the run's record. */
  directory: string;
  leader: LeaderEvents;
  /** Undefined: this process only looks on, and leaves the record, the spool and the followers' runs as they are. */
  lock: Lock | undefined;
  ingest: Ingest | undefined;
  /** What a person should know before anything else. */
  notes: string[];
  /** Tell the service which hosts take part. */
  announce: boolean;
  plan: ((host: HostEntry) => RunRequestInput) | undefined;
  report: (host: string) => Promise<RunRequestInput['report']>;
  input: InputReaders | undefined;
  /** Makes the hosts' files equal to the leader's before anything is asked of them. */
  fence: ((signal: AbortSignal, events: FenceEvents) => Promise<Fencing>) | undefined;
  detach: boolean;
  maxParallel: number;
  /** Makes a connection to a host; its `close` lets go of it. */
  connect: ConnectRun;
  /** What every connection of this run is made with, besides its own limits. */
  context: Omit<TransportContext, 'stateDir' | 'timeoutMs' | 'signal' | 'start' | 'tell'>;
  /** What is on record from before. */
  known: { exits: Readonly<Record<string, HostExited>>; outcome: Outcome | undefined };
  startedAt: number;
  timing: Timing;
}

export interface Troubles {
  /** Gets what goes wrong beside the run; set once the run has begun. */
  tell(text: string): void;
}
