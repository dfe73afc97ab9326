/**
 * What the resident leader says: NDJSON. A line is an event of the run, which has a `type`, or one of these, which have
 * none: no follower can make an event that is taken for a word of the leader.
 */
import type { ErrorCode } from '../../contract/error-registry.ts';
import { AwError, type ErrorDetails } from '../../contract/errors.ts';
import type { Event, WireError } from '../../contract/events.ts';
import type { PoolEntry } from '../connections/status.ts';
import type { LedOutcome } from '../orders/types.ts';

export interface Hello {
  leader: 'hello';
  version: string;
  protocol: number;
  pid: number;
  /** Free: for a run that is asked for on this connection. */
  runId: string;
}

export type Said =
  | Hello
  /** The run has begun; its events follow, then `outcome` or `failed`. */
  | { leader: 'accepted'; runId: string; command: string; hosts: string[] }
  /** There is nothing to run again. */
  | { leader: 'nothing' }
  | ({ leader: 'outcome' } & LedOutcome)
  | { leader: 'failed'; error: Failure }
  /** To be answered with an `answer` of that number. */
  | { leader: 'question'; id: number; text: string }
  /** A line for the person. */
  | { leader: 'say'; line: string }
  /** Give the input now, without its first `offset` bytes. */
  | { leader: 'input'; offset: number }
  /** What is being done on a host, for whoever watches. */
  | { leader: 'phase'; host: string; phase: string }
  /** The next part of an answer's JSON, which can be longer than any line. */
  | { leader: 'part'; text: string }
  /** The answer is complete. */
  | { leader: 'done' }
  /** A host that `up` connected to, or why not. */
  | ({ leader: 'host' } & FleetHost)
  /** The answer to `up` is complete. */
  | { leader: 'up' }
  | ({ leader: 'status' } & FleetStatus)
  /** The leader ends now; of these runs. */
  | { leader: 'down'; runs: RunInProgress[] };

export interface FleetHost {
  host: string;
  transport: string;
  /** Of the agent there. */
  version?: string;
  rttMs?: number;
  error?: WireError;
}

export interface RunInProgress {
  runId: string;
  command: string;
  hosts: string[];
  /** ISO 8601. */
  startedAt: string;
  /** False when the command that asked for it is gone. */
  watched: boolean;
  /** What followers do with it when no leader follows it. */
  onLeaderLoss: 'continue' | 'cancel';
}

export interface FleetStatus {
  pid: number;
  version: string;
  /** ISO 8601. */
  startedAt: string;
  /** Bytes. */
  memory: number;
  runs: RunInProgress[];
  connections: PoolEntry[];
}

/** An error so that the receiver can make it again. */
export interface Failure {
  code: ErrorCode;
  details: Readonly<Record<string, string | number>>;
  host?: string;
  stack?: string;
}

export function toFailure({ code, details, host, stack }: AwError): Failure {
  return {
    code,
    details,
    ...(host === undefined ? {} : { host }),
    ...(stack === undefined ? {} : { stack }),
  };
}

export function fromFailure({ code, details, host, stack }: Failure): AwError {
  const error = new AwError(code, details as ErrorDetails<ErrorCode>, host === undefined ? {} : { host });
  if (stack !== undefined) error.stack = stack;
  return error;
}

export function isEvent(line: Said | Event): line is Event {
  return 'type' in line;
}
