/**
 * Events are the spine: one schema from a follower's journal to a browser.
 *
 * Unknown fields of a newer peer are kept (every object is loose) and unknown event types pass through,
 * so an old hop never strips what two newer ends agreed on.
 */
import { z } from 'zod';
import { HostName, Os, RunId } from './names.ts';
import { Exclusion, Rewritten } from './trees.ts';

/** What every event may carry. Producers number their events; receivers drop what they already have. */
const envelope = {
  /** ISO 8601, UTC, milliseconds: the producer's clock. */
  ts: z.iso.datetime(),
  /** Who made the event. Absent means the leader. */
  origin: z.enum(['leader', 'follower', 'server']).optional(),
  transport: z.enum(['local', 'ssh', 'socks', 'rendezvous', 'relay']).optional(),
  /** Position in the producer's stream, from 0 for each epoch, without gaps. */
  seq: z.int().nonnegative().optional(),
  /** New at each producer start. A run's journal is one epoch and keeps it across restarts of the agent. */
  epoch: z.string().min(1).max(64).optional(),
  runId: RunId.optional(),
};

/** An error as it travels: the registry's code, the text with its values filled in, and what to do next. */
export const WireError = z.looseObject({
  code: z.string(),
  message: z.string(),
  remedy: z.string().optional(),
});
export type WireError = z.infer<typeof WireError>;

export const HostStarted = z.looseObject({
  type: z.literal('hostStarted'),
  ...envelope,
  host: HostName,
  /** Process id on the follower; absent when no process came to be (see the `hostExited` that follows). */
  pid: z.int().positive().optional(),
});

export const HostLog = z.looseObject({
  type: z.literal('hostLog'),
  ...envelope,
  host: HostName,
  stream: z.enum(['stdout', 'stderr']),
  /** The bytes as text, or in base64 when `encoding` says so. Never normalised, never split inside a code point. */
  message: z.string(),
  /** Present exactly when the bytes are not valid UTF-8. */
  encoding: z.literal('base64').optional(),
  /** Position of the first byte of `message` in its stream. */
  offset: z.int().nonnegative().optional(),
});

/** A process that was still there when its run was over: what a person needs to find and end it. */
export const Survivor = z.looseObject({ pid: z.int().positive(), command: z.string() });
export type Survivor = z.infer<typeof Survivor>;

/**
 * How a host's part of a run ended. `lost` covers unreachable hosts and runs whose end nobody saw;
 * `spawn-failed` means nothing ran (see `error`).
 */
export const ExitReason = z.enum(['exited', 'signaled', 'timeout', 'cancelled', 'lost', 'spawn-failed']);
export type ExitReason = z.infer<typeof ExitReason>;

export const HostExited = z.looseObject({
  type: z.literal('hostExited'),
  ...envelope,
  host: HostName,
  /** The exit code as the OS gave it (u32 on Windows); null when there is none, e.g. a death by signal. */
  code: z.int().nonnegative().nullable(),
  /** Signal name such as `SIGKILL`, when the process died of one. */
  signal: z.string().optional(),
  reason: ExitReason.optional(),
  error: WireError.optional(),
  durationMs: z.number().nonnegative().optional(),
  /** Bytes each stream carried in all. */
  bytes: z.looseObject({ stdout: z.int().nonnegative(), stderr: z.int().nonnegative() }).optional(),
  /** Processes of the run still alive after it; empty when all are known to be gone; absent when not looked at. */
  survivors: z.array(Survivor).optional(),
});

export const Summary = z.looseObject({
  type: z.literal('summary'),
  ...envelope,
  passed: z.array(HostName),
  failed: z.array(HostName),
  excluded: z.array(HostName).optional(),
  /** The exit code of the whole run, as the CLI returns it. */
  exitCode: z.int().min(0).max(255).optional(),
  durationMs: z.number().nonnegative().optional(),
});

export const FollowersCatalog = z.looseObject({
  type: z.literal('followersCatalog'),
  ...envelope,
  hosts: z.array(
    z.looseObject({
      name: HostName,
      os: Os,
      tags: z.array(z.string()).optional(),
      address: z.string().optional(),
      sshUser: z.string().optional(),
    }),
  ),
});

export const FenceStarted = z.looseObject({
  type: z.literal('fenceStarted'),
  ...envelope,
  snapshotId: z.string(),
});

/** Only for whoever watches: how far a fence is on a host. It goes to no service. */
export const FenceProgress = z.looseObject({
  type: z.literal('fenceProgress'),
  ...envelope,
  host: HostName,
  /** For a person: `scanning`, `sending 3 files, 1200 bytes`. */
  phase: z.string(),
});

export const FenceResult = z.looseObject({
  type: z.literal('fenceResult'),
  ...envelope,
  snapshotId: z.string(),
  /** Of the snapshot. */
  files: z.int().nonnegative().optional(),
  /** All of it, with the leader's own look at its files. */
  tookMs: z.number().nonnegative().optional(),
  hosts: z.record(
    z.string(),
    z.looseObject({
      state: z.enum(['consistent', 'timeout', 'error']),
      tookMs: z.number().nonnegative().optional(),
      error: z.string().optional(),
      code: z.string().optional(),
      /** It has no part in the run that follows, and none in its verdict. */
      excluded: z.boolean().optional(),
      /** What the host cannot have of the snapshot and was left out there: the first of it, and how much there is. */
      excludedPaths: z.array(Exclusion).optional(),
      excludedCount: z.int().positive().optional(),
      /** Of the files that were others there, those that were so in nothing but this: of many, some. */
      rewritten: z.array(Rewritten).optional(),
    }),
  ),
});

/** A state of the project that something stands in relation to: here, what the leader's files were around a run. */
export const Moment = z.looseObject({
  type: z.literal('moment'),
  ...envelope,
  snapshotId: z.string(),
  /** Which side of the run it marks. */
  when: z.enum(['before', 'after']).optional(),
});

const ConnectPath = z.looseObject({
  ...envelope,
  host: HostName,
  method: z.string(),
  rttMs: z.number().nonnegative().optional(),
  error: WireError.optional(),
});
export const ConnectPathFixed = ConnectPath.extend({ type: z.literal('connect.path.fixed') });
export const ConnectPathDegraded = ConnectPath.extend({ type: z.literal('connect.path.degraded') });
export const ConnectPathRestored = ConnectPath.extend({ type: z.literal('connect.path.restored') });

/** Something a person should know that changes no outcome. */
export const Note = z.looseObject({
  type: z.literal('note'),
  ...envelope,
  message: z.string(),
  host: HostName.optional(),
});

/** The events this version knows, by their `type`. */
export const KnownEvent = z.discriminatedUnion('type', [
  HostStarted,
  HostLog,
  HostExited,
  Summary,
  FollowersCatalog,
  FenceStarted,
  FenceProgress,
  FenceResult,
  Moment,
  ConnectPathFixed,
  ConnectPathDegraded,
  ConnectPathRestored,
  Note,
]);
export type KnownEvent = z.infer<typeof KnownEvent>;
export const knownEventTypes: ReadonlySet<string> = new Set(
  KnownEvent.options.map(option => option.shape.type.value),
);

/** An event of a newer peer: only its type and envelope are looked at. */
export const UnknownEvent = z.looseObject({
  type: z
    .string()
    .min(1)
    .max(64)
    .refine(type => !knownEventTypes.has(type)),
  ...envelope,
});

export const Event = z.union([KnownEvent, UnknownEvent]);
export type Event = z.infer<typeof Event>;
export type FenceResult = z.infer<typeof FenceResult>;
export type HostStarted = z.infer<typeof HostStarted>;
export type HostLog = z.infer<typeof HostLog>;
export type HostExited = z.infer<typeof HostExited>;
export type Summary = z.infer<typeof Summary>;

/** The three events a follower makes about one run. */
export type HostEvent = HostStarted | HostLog | HostExited;

export { eventIdentity, isKnown, logBytes } from './event-parts.ts';
