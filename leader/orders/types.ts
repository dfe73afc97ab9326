/** Between a command and its leader, whether that is the same process or a resident one. */
import type { Readable } from 'node:stream';
import type { Event, WireError } from '../../contract/events.ts';
import type { LeaderTrees } from '../fence/leader-tree.ts';
import type { Connect } from '../follower-client.ts';
import type { Timing } from '../run-everywhere/timing.ts';
import type { Ask } from '../transports/index.ts';

/** The person and the process behind an order. */
export interface Asker {
  ask: Ask;
  /** A line for the person that is not part of the run. */
  say(line: string): void;
  /** Opened only for an order that wants it. `offset`: bytes of it that were given before, to another leader. */
  stdin(offset: number): Readable;
}

/** The person and the process behind work that has an answer in the end, and none who wants it when they are gone. */
export interface Watcher extends Pick<Asker, 'ask'> {
  /** Nobody wants it any more. */
  gone?: AbortSignal;
  onPhase(host: string, phase: string): void;
}

/** What the leader leads with. */
export interface Means {
  /** The leader's state root. */
  stateDir: string;
  connect?: Connect;
  trees?: LeaderTrees;
  timing?: Partial<Timing>;
}

/** What a command sees of a run. */
export interface LedRun {
  readonly runId: string;
  readonly hosts: readonly { readonly name: string }[];
  /** The command as a person would write it. */
  readonly command: string;
  /** As of `Run`: one consumer, in order, ending after the `summary`; breaking out lets go of the run. */
  readonly events: AsyncIterable<Event>;
  cancel(how: 'interrupt' | 'kill'): void;
  /** Settles when `events` ends. */
  readonly outcome: Promise<LedOutcome>;
}

export interface LedOutcome {
  exitCode: number;
  /** By host name; of a detached run only those that could not be started. */
  hosts: Record<string, { error?: WireError }>;
}
