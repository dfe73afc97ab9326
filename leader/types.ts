/** What the leader takes and gives. Times are milliseconds. */
import type { Readable } from 'node:stream';
import type { Event, ExitReason, HostExited, Summary, Survivor, WireError } from '../contract/events.ts';
import type { Command } from '../contract/follower-api.ts';
import type { HostEntry } from '../contract/hosts.ts';
import type { ShellName } from '../contract/names.ts';
import type { SnapshotChoice } from '../contract/snapshot-names.ts';
import type { SyncEngineName } from '../contract/sync-engines.ts';
import type { Reach } from './transports/index.ts';

/** Where the events of a run go besides the caller. */
export interface ServiceTarget {
  url: string;
  token?: string;
  sessionId: string;
  /** Each follower also reports its own events, with a token that is good for nothing else. */
  followerReports: boolean;
}

export interface FenceOptions {
  /** For each host. */
  timeoutMs: number;
  /** When not all hosts have become equal: run nowhere, or without those that have not. */
  onLaggard: 'abort' | 'exclude';
  /** Paths that a host cannot have are an error, or are left out there. */
  portability: 'error' | 'exclude';
  /** How the project is frozen for as long as hosts are sent its files. */
  snapshot: SnapshotChoice;
  engine: SyncEngineName;
  /** What another engine does not make equal, the embedded one does. */
  heal: boolean;
}

export interface RunSpec {
  /** Default: made from the time and chance. */
  runId?: string;
  hosts: HostEntry[];
  /** The project's root on the leader, absolute. */
  project: string;
  /** Absolute, on the leader; each host gets its counterpart. */
  cwd: string;
  command: Command;
  shell?: ShellName;
  /** Set on every host, over the host's own `env`. */
  env: Record<string, string>;
  /** For each host, from its start. */
  timeoutMs?: number;
  /** Between INT, TERM and KILL when a run is ended. */
  graceMs?: number;
  /** Given to every host alike. Absent: end of file at once. */
  stdin?: Readable;
  onLeaderLoss: 'continue' | 'cancel';
  /** Rewrite follower paths in the output to leader paths. */
  mapOutput: boolean;
  /** Replace `{workspace}` in arguments and env values by the host's workspace. */
  expandWorkspace: boolean;
  /** The most hosts at work at one time; default all. */
  maxParallel?: number;
  /** Bytes of one host's journal. */
  logLimit?: number;
  service?: ServiceTarget;
  reach?: Reach;
  /** Make the hosts' files equal to the project's first. Absent: the command runs on what is there. */
  fence?: FenceOptions;
  /** Start everywhere and do not wait: events end when every host has started or could not, without a summary. */
  detach: boolean;
}

export interface Run {
  readonly runId: string;
  readonly hosts: HostEntry[];
  /**
   * Every event of the run, those of one host in order; one consumer. The followers are read only as fast as this is
   * consumed. Ends after the `summary`. Breaking out lets go of the run: it goes on where it is and can be attached to.
   */
  readonly events: AsyncIterable<Event>;
  /** `interrupt`: INT, TERM, KILL, a grace period apart, to all processes on every host; `kill`: KILL at once. */
  cancel(how: 'interrupt' | 'kill'): void;
  /** Settles when `events` ends. Never rejects for what a host did; rejects with the `AwError` when the run itself broke. */
  readonly outcome: Promise<Outcome>;
}

export interface HostOutcome {
  /** `excluded`: it had no part in the run. */
  verdict: 'passed' | 'failed' | 'excluded';
  reason: ExitReason;
  code: number | null;
  signal?: string;
  error?: WireError;
  durationMs?: number;
  /** Absent: nobody could look. */
  survivors?: Survivor[];
  bytes?: NonNullable<HostExited['bytes']>;
}

export interface Outcome {
  exitCode: number;
  summary: Summary;
  /** By host name. A detached run lists only the hosts that could not be started. */
  hosts: Record<string, HostOutcome>;
}

/** What this machine knows of a run it started. */
export interface RunRecord {
  runId: string;
  project: string;
  cwd: string;
  command: Command;
  startedAt: string;
  hosts: HostEntry[];
  service?: { url: string; sessionId: string };
  /**
   * `running`: a leader follows it. `open`: none does (detached, or the leader ended early): attach to see the end.
   * `ended`: see `outcome`.
   */
  state: 'running' | 'open' | 'ended';
  detached: boolean;
  /** What else the command was given. Of its variables only the names are kept: their values may be secrets. */
  asked: Pick<RunSpec, 'shell' | 'timeoutMs'> & {
    envNames: string[];
    mapOutput: boolean;
    expandWorkspace: boolean;
  };
  outcome?: Outcome;
}
