/**
 * What crosses the wire between a leader and a follower (HTTP/2 over any byte stream).
 *
 * | call | body | answer |
 * |---|---|---|
 * | `GET /v1/info` | | `Info` |
 * | `POST /v1/runs` | `RunRequest` | 201 `RunState`; 200 when this very request was made before; 409 when another was |
 * | the same, `accept: application/x-ndjson` | `RunRequest` | 201 or 200, and what `/events?from=0&lead=1` has: one round trip to the first output |
 * | `GET /v1/runs` | | `{ runs: RunState[] }` |
 * | `GET /v1/runs/{id}` | | `RunState` |
 * | `GET /v1/runs/{id}/events?from=N[&lead=1]` | | NDJSON of events from seq N, live, ending after `hostExited` |
 * | `POST /v1/runs/{id}/stdin[?offset=N]` | raw bytes, `content-type: application/octet-stream` | 204 at the end of input |
 * | `POST /v1/runs/{id}/signal` | `SignalRequest` | 202 `RunState` |
 * | `GET /v1/doctor?cwd=DIR&path=PATH` | | `DoctorReport`; of that directory, and of what sshd has as `PATH` |
 * | `POST /v1/shutdown` | | 202; the agent ends when it has no live runs, at once with `?force=1` |
 *
 * Errors are Problem+JSON. Over TCP every request carries `authorization: Bearer TOKEN`.
 */
import { z } from 'zod';
import { ExitReason } from './events.ts';
import { HostName, Os, RunId, ShellName } from './names.ts';

export const Info = z.looseObject({
  /** Peers of another protocol number refuse each other. */
  protocol: z.int(),
  version: z.string(),
  os: Os,
  arch: z.string(),
  hostname: z.string(),
  /** The user the agent runs as. */
  user: z.string(),
  pid: z.int(),
  /** New at each start of the agent. */
  agentId: z.string(),
  bootId: z.string(),
  /** Absolute paths of the shells found, by name. */
  shells: z.partialRecord(ShellName, z.string()),
  /** The user's own login shell. */
  loginShell: ShellName.optional(),
  /** The agent's clock, ISO 8601. */
  now: z.iso.datetime(),
  /**
   * The Unix socket it listens on, where nobody else can ever put one in its place: whoever logs in as this user may come
   * to it without asking the machine for the agent.
   */
  socket: z
    .string()
    .max(107)
    .regex(/^\/[^\p{Cc}]+$/u)
    .optional(),
});
export type Info = z.infer<typeof Info>;

/** One rewriting rule of `--map-output`: this follower path prefix becomes that leader prefix. */
export const OutputRule = z.strictObject({ from: z.string().min(1), to: z.string().min(1) });
export type OutputRule = z.infer<typeof OutputRule>;

export const Command = z.discriminatedUnion('kind', [
  /** A program and its arguments, passed on exactly. With `shell` that shell finds and runs it. */
  z.looseObject({ kind: z.literal('argv'), argv: z.array(z.string()).min(1) }),
  /** Text for a shell; `args` become its positional parameters ($1... , $args). */
  z.looseObject({ kind: z.literal('script'), script: z.string(), args: z.array(z.string()).optional() }),
]);
export type Command = z.infer<typeof Command>;

export const RunRequest = z.looseObject({
  runId: RunId,
  /** The name the leader knows this follower by; stamped on every event. */
  host: HostName,
  command: Command,
  /** The shell whose login environment the run gets, and which runs scripts; default the user's own. */
  loginShell: ShellName.optional(),
  /** Run the command through this shell. Absent: argv is spawned directly, scripts go to `loginShell`. */
  shell: ShellName.optional(),
  /** Absolute directory on the follower. */
  cwd: z.string().min(1),
  /** Set on top of the login environment. */
  env: z.record(z.string(), z.string()).default({}),
  /** `stream`: the child's stdin is what `POST .../stdin` brings; `none`: end of file at once. */
  stdin: z.enum(['none', 'stream']).default('none'),
  /** The tree is ended after this long and the verdict is `timeout`. */
  timeoutMs: z.int().positive().optional(),
  /** Between each step of INT, TERM and KILL when a run is ended. */
  graceMs: z.int().nonnegative().default(5000),
  /** What becomes of the run when its leader's event stream (`lead=1`) is gone for `leaderLossMs`. */
  onLeaderLoss: z.enum(['continue', 'cancel']).default('continue'),
  leaderLossMs: z.int().nonnegative().default(3000),
  /** Applied to the output before it is recorded. */
  mapOutput: z.array(OutputRule).optional(),
  /** The run is ended with `AW_LOG_LIMIT` when its journal grows beyond this. */
  logLimit: z.int().positive().optional(),
  /** What a fence left at `root`: the run is not started when the files there are others (AW_TREE_DRIFTED). */
  tree: z
    .looseObject({
      root: z.string().min(1).max(4096),
      digest: z.string(),
      /** What does not belong to the tree. */
      patterns: z.array(z.string().min(1).max(4096)).max(10_000),
    })
    .optional(),
  /** Where the follower reports this run's events itself. The token is for one session and this host only. */
  report: z.looseObject({ url: z.url(), token: z.string().min(1) }).optional(),
});
export type RunRequest = z.infer<typeof RunRequest>;

/** As the leader writes it: defaults may be left out. */
export type RunRequestInput = z.input<typeof RunRequest>;

export const RunState = z.looseObject({
  runId: RunId,
  host: HostName,
  epoch: z.string(),
  state: z.enum(['running', 'ending', 'ended']),
  pid: z.int().optional(),
  startedAt: z.iso.datetime(),
  /** Of the next event. */
  nextSeq: z.int().nonnegative(),
  /**
   * Of its input, what has arrived so far. A stdin request that was cut off did not end the input; another one with this
   * as its `offset` goes on.
   */
  stdinBytes: z.int().nonnegative().optional(),
  /** `taken`: a request brings it now. `open`: none does, and the command still waits for more. `ended`: it needs no more. */
  stdin: z.enum(['open', 'taken', 'ended']).optional(),
  reason: ExitReason.optional(),
  code: z.int().nullable().optional(),
});
export type RunState = z.infer<typeof RunState>;

export const SignalRequest = z.looseObject({
  /** To every process of the run. */
  signal: z.enum(['interrupt', 'terminate', 'kill']),
  /**
   * True: this is a cancellation. The verdict becomes `cancelled` and the follower itself goes on from `interrupt` to
   * `terminate` to `kill`, `graceMs` apart, until all processes are gone. False: the signal is all.
   */
  cancel: z.boolean().default(false),
});
export type SignalRequest = z.infer<typeof SignalRequest>;

/** One line of a doctor's report: what was looked at, what was found, and the command that would fix it. */
export const Finding = z.looseObject({
  check: z.string(),
  /** `info`: neither right nor wrong. `skipped`: it needs another check, which failed, or does not apply. */
  status: z.enum(['ok', 'warning', 'failed', 'info', 'skipped']),
  detail: z.string(),
  fix: z.string().optional(),
});
export type Finding = z.infer<typeof Finding>;

export const DoctorReport = z.looseObject({ info: Info, findings: z.array(Finding) });
export type DoctorReport = z.infer<typeof DoctorReport>;

/** What the leader found out about one follower, and what that said of itself: `aw agent followers doctor --json`. */
export const FollowerReport = z.looseObject({
  host: HostName,
  /** Its agent answered, or it takes the login where it is meant to have none. */
  reachable: z.boolean(),
  /** Of its agent. */
  info: Info.optional(),
  /** In the order of the steps: each needs what comes before it. */
  findings: z.array(Finding),
});
export type FollowerReport = z.infer<typeof FollowerReport>;
