/**
 * What a command says to the resident leader: NDJSON over its socket, one connection a command, a `LeaderRequest` first and
 * `LeaderInput` behind it. The leader speaks first; what it says is in `leader/daemon/messages.ts`, because a command
 * takes it from nobody but a leader of its own version and its own user, and loads no schemas for that.
 */
import { z } from 'zod';
import { RunId, ShellName } from './names.ts';
import { snapshotChoices } from './snapshot-names.ts';
import { syncEngines } from './sync-engines.ts';

/** Whoever asks: what is relative is meant from here, and this is the environment that counts. */
const asker = { cwd: z.string(), env: z.record(z.string(), z.string()) };

const selectors = {
  host: z.array(z.string()).optional(),
  tag: z.array(z.string()).optional(),
  /** The catalogue's file. */
  hosts: z.string().optional(),
};

/** The options of `run-everywhere` that say what is run, as they were given. Times in milliseconds. */
export const RunOptions = z.object({
  ...selectors,
  command: z.string().optional(),
  rerunFailed: z.boolean().optional(),
  shell: ShellName.optional(),
  cwd: z.string().optional(),
  env: z.array(z.string()).optional(),
  timeout: z.number().optional(),
  grace: z.number(),
  maxParallel: z.int().optional(),
  onLeaderLoss: z.enum(['continue', 'cancel']),
  detach: z.boolean().optional(),
  stdin: z.boolean().optional(),
  mapOutput: z.boolean().optional(),
  expandWorkspace: z.boolean().optional(),
  /** Bytes. */
  logLimit: z.number().optional(),
  service: z.string().optional(),
  tokenFile: z.string().optional(),
  session: z.string().optional(),
  followerReports: z.boolean().optional(),
  acceptNewHostKeys: z.boolean().optional(),
  autoInstall: z.boolean().optional(),
  agentless: z.boolean().optional(),
  fence: z.boolean().optional(),
  fenceTimeout: z.number().optional(),
  onLaggard: z.enum(['abort', 'exclude']).optional(),
  portability: z.enum(['error', 'exclude']).optional(),
  snapshot: z.enum(snapshotChoices).optional(),
  engine: z.enum(syncEngines).optional(),
  heal: z.boolean().optional(),
});
export type RunOptions = z.infer<typeof RunOptions>;

/** The options of `followers sync-fence`, as they were given. */
export const FenceOptions = z.object({
  ...selectors,
  /** Milliseconds, for each host. */
  timeout: z.number(),
  level: z.enum(['stat', 'rehash']),
  portability: z.enum(['error', 'exclude']),
  snapshot: z.enum(snapshotChoices),
  engine: z.enum(syncEngines).optional(),
  heal: z.boolean().optional(),
  adopt: z.boolean().optional(),
  allowEmpty: z.boolean().optional(),
  acceptNewHostKeys: z.boolean().optional(),
});
export type FenceOptions = z.infer<typeof FenceOptions>;

export const LeaderRequest = z.discriminatedUnion('type', [
  /** One command on the selected hosts. */
  z.object({
    type: z.literal('run'),
    ...asker,
    /** The name the run gets. Whoever asks knows it before it begins, and finds it again if the leader dies meanwhile. */
    runId: RunId,
    /** How the command was called. */
    name: z.string(),
    /** What stood before `--` and was no option. */
    words: z.array(z.string()),
    /** What stood behind `--`; absent without one. */
    tail: z.array(z.string()).optional(),
    options: RunOptions,
  }),
  /** Follow a run from its beginning. */
  z.object({
    type: z.literal('attach'),
    ...asker,
    runId: z.string(),
    tokenFile: z.string().optional(),
    /** Whoever asks has given the run its input so far, and goes on with it where the leader before this one has stopped. */
    stdin: z.boolean().optional(),
  }),
  /** The selected hosts' files, made equal to the project's. Given up when the connection ends. */
  z.object({ type: z.literal('fence'), ...asker, options: FenceOptions }),
  /** Standard input of a run that was asked for on another connection; the leader says from which byte on it wants it, and when. */
  z.object({ type: z.literal('input'), runId: RunId }),
  /** Connect to hosts before anybody needs them. */
  z.object({
    type: z.literal('up'),
    ...asker,
    ...selectors,
    acceptNewHostKeys: z.boolean().optional(),
    autoInstall: z.boolean().optional(),
    agentless: z.boolean().optional(),
    /** Milliseconds without work after which the leader ends; absent: it stays. */
    idleMs: z.int().positive().optional(),
  }),
  z.object({ type: z.literal('status') }),
  z.object({ type: z.literal('down') }),
]);
export type LeaderRequest = z.infer<typeof LeaderRequest>;
export type RunOrder = Extract<LeaderRequest, { type: 'run' }>;
export type AttachOrder = Extract<LeaderRequest, { type: 'attach' }>;
export type FenceOrder = Extract<LeaderRequest, { type: 'fence' }>;
export type UpOrder = Extract<LeaderRequest, { type: 'up' }>;

export const LeaderInput = z.discriminatedUnion('type', [
  z.object({ type: z.literal('cancel'), how: z.enum(['interrupt', 'kill']) }),
  /** Nobody watches any more: lets go of the run, which goes on where it is. */
  z.object({ type: z.literal('leave') }),
  /** To the question of that number; without text when there is nobody to ask. */
  z.object({ type: z.literal('answer'), id: z.int(), text: z.string().optional() }),
  /** The next bytes of standard input, in base64. */
  z.object({ type: z.literal('chunk'), data: z.base64() }),
  /** All of it was given: input that stops without this was cut off. */
  z.object({ type: z.literal('end') }),
]);
export type LeaderInput = z.infer<typeof LeaderInput>;
