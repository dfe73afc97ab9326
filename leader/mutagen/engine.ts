/**
 * Mutagen as what brings a follower the leader's files. It is asked for nothing else: what goes, and what is only spelled
 * otherwise, the fence does itself before, because Mutagen keeps a directory that holds ignored files, cannot be told of one
 * that the leader has for these alone, and loses a file whose name changes its case. Whether the trees are equal is for the
 * follower's own look to tell.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError, show } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Change } from '../../contract/trees.ts';
import type { FollowerFence } from '../fence/follower-fence.ts';
import type { SyncEngine } from '../fence/sync-engine.ts';
import { environmentOf } from '../transports/environment.ts';
import type { TransportContext } from '../transports/types.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { complaintOf, healthOf, type Session } from './health.ts';
import { mutagenDirectory } from './place.ts';
import { mutagenIn } from './program.ts';
import { sessionConfig } from './session-config.ts';
import { bringOver } from './sessions.ts';
import { openWay, sshPathIn, type Way } from './way.ts';

/** Milliseconds. */
const LAST_WORDS = 200;

export interface MutagenOptions {
  host: HostEntry;
  /** Absolute. */
  project: string;
  patterns: readonly string[];
  fence: FollowerFence;
  context: TransportContext & { signal: AbortSignal };
  /** Milliseconds for one flush. */
  flushMs: number;
  /** Whether the project is still what the fence is about: Mutagen reads what is there. */
  isStill(): Promise<boolean>;
  onPhase(phase: string): void;
}

/** Nothing is started before something has to be brought. */
export function mutagenEngine(options: MutagenOptions): SyncEngine {
  const { host, project, patterns, fence, context, onPhase } = options;
  const { signal } = context;
  const directory = mutagenDirectory(context.stateDir, project, host);
  const mutagen = mutagenIn(directory, sshPathIn(directory), environmentOf(context), signal);
  let way: Way | undefined;
  let daemon: Daemon | undefined;
  let last: Session | undefined;

  /** Restarts a daemon that has died, once. @throws AW_MUTAGEN_* */
  const withDaemon = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let restarts = 0; ; restarts++) {
      if (daemon === undefined || daemon.hasEnded) daemon = await startDaemon(mutagen);
      const died = daemon.ended.then(reason => {
        throw new AwError('AW_MUTAGEN_DAEMON', { reason });
      });
      died.catch(() => {});
      try {
        return await Promise.race([work(), died]);
      } catch (error) {
        if (signal.aborted || !(await hasDied(daemon))) throw error;
        if (restarts === 1) return await died;
      }
    }
  };

  return {
    mayStall: true,

    async sync(changes, { capabilities, excluded }) {
      await fence.claim();
      const own = changes.filter(isOwn);
      let done = 0;
      if (own.length > 0) {
        onPhase(`removing ${own.length} paths`);
        await fence.plan(own);
        done = (await fence.apply()).done;
      }
      const rest = changes.filter(change => !isOwn(change));
      if (rest.length === 0) return { changes: done, sent: 0 };
      onPhase('connecting mutagen');
      way ??= await openWay(host, directory, context);
      const ends = { alpha: project, beta: way.beta };
      const config = sessionConfig(host, ends, capabilities, patterns, excluded);
      const limits = { flushMs: options.flushMs, signal, onPhase };
      last = await withDaemon(() => bringOver(mutagen, config, limits));
      const sent = rest.reduce((sum, change) => sum + (change.op === 'write' ? change.size : 0), 0);
      return { changes: done + rest.length, sent };
    },

    async complaint() {
      if (!(await options.isStill())) return new AwError('AW_LEADER_UNSTABLE', { path: show(project) });
      return last === undefined ? undefined : complaintOf(last);
    },

    health: () => (last === undefined ? undefined : healthOf(last)),

    async stop() {
      await daemon?.stop();
      daemon = undefined;
      way?.close();
      way = undefined;
    },
  };
}

/** What the fence does itself. */
function isOwn({ op }: Change): boolean {
  return op === 'respell' || op === 'remove';
}

/** A call that fails because the daemon dies may be heard of before the death. */
async function hasDied(daemon: Daemon): Promise<boolean> {
  await Promise.race([daemon.ended, sleep(LAST_WORDS, undefined, { ref: false })]);
  return daemon.hasEnded;
}
