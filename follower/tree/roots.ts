/** The roots that this follower works in: the thread of each, who holds it, and the runs that rely on it. */
import { AwError, show } from '../../contract/errors.ts';
import type { Capabilities } from '../../contract/trees.ts';
import { areNested, isSurelySame, openPlace, type Place } from './place.ts';
import { removeEmpty, stagingFor } from './staging-place.ts';
import { startThread, type Thread } from './thread.ts';
import type { TreeMethods } from './worker.ts';

/** A thread that nobody has used for this long ends; what it knows is on disk. Milliseconds. */
const THREAD_IDLE = 60_000;

export interface Tree {
  readonly thread: Thread<TreeMethods>;
  readonly capabilities: Capabilities;
  readonly stagingDir: string;
  /** See `OpenTree`. */
  readonly stop: Int32Array;
}

export interface Root {
  place: Place;
  /** Opens it where it is not, or where another directory has taken its place. @throws AW_TREE_ROOT */
  tree(): Promise<Tree>;
  /** The leader that holds it; the promise settles when it is let go of. */
  holder: { leader: string; released: Promise<void> } | undefined;
  /** That were started in it, or are just being started. */
  readonly runs: Set<string>;
  readonly starting: Set<string>;
}

interface Entry extends Root {
  users: number;
  opening: Promise<Tree> | undefined;
  /** Of what was opened last. */
  opened: { thread: Thread<TreeMethods>; place: Place; stagingDir: string } | undefined;
  idle: NodeJS.Timeout | undefined;
}

export interface Roots {
  /** For a piece of work; `leave` follows. @throws AW_TREE_ROOT, AW_HOST_UNREACHABLE */
  enter(wanted: string, mayMake: boolean): Root;
  leave(root: Root): void;
  /** The run that relies on the root, or on one around or in it. */
  runIn(root: Root): string | undefined;
  /** Who holds a root around or in this one. */
  holderAround(root: Root): string | undefined;
  close(): Promise<void>;
}

export function createRoots(stateDir: string, bootId: string, isLive: (runId: string) => boolean): Roots {
  const entries = new Map<string, Entry>();
  let isClosed = false;

  const open = async (entry: Entry): Promise<Tree> => {
    const { place } = entry;
    const thread = startThread<TreeMethods>(new URL('./worker.ts', import.meta.url));
    try {
      const stagingDir = stagingFor(place);
      entry.opened = { thread, place, stagingDir };
      const stop = new Int32Array(new SharedArrayBuffer(4));
      const capabilities = await thread.call('open', { place, stagingDir, bootId, stop });
      return { thread, capabilities, stagingDir, stop };
    } catch (error) {
      if (entry.opened?.thread === thread || entry.opened === undefined) await shut(entry);
      await thread.close();
      throw error;
    }
  };
  const shut = async (entry: Entry): Promise<void> => {
    clearTimeout(entry.idle);
    const { opened } = entry;
    entry.opening = undefined;
    entry.opened = undefined;
    if (opened === undefined) return;
    removeEmpty(opened.stagingDir);
    await opened.thread.close();
  };
  const add = (place: Place): Entry => {
    const entry: Entry = {
      place,
      tree: () => {
        entry.opening ??= open(entry);
        return entry.opening;
      },
      holder: undefined,
      runs: new Set(),
      starting: new Set(),
      users: 0,
      opening: undefined,
      opened: undefined,
      idle: undefined,
    };
    entries.set(place.path, entry);
    return entry;
  };
  const runOf = ({ runs, starting }: Root): string | undefined => {
    for (const runId of runs) if (!isLive(runId)) runs.delete(runId);
    return [...starting, ...runs][0];
  };
  const rest = (entry: Entry) => {
    entry.idle = setTimeout(() => {
      void shut(entry);
      // As long as a run relies on the files, it is not forgotten.
      if (runOf(entry) === undefined) entries.delete(entry.place.path);
      else rest(entry);
    }, THREAD_IDLE);
    entry.idle.unref();
  };
  const around = (root: Root) =>
    [...entries.values()].filter(other => areNested(other.place.path, root.place.path));

  return {
    enter(wanted, mayMake) {
      if (isClosed) throw new AwError('AW_HOST_UNREACHABLE', { reason: 'its agent is ending' });
      const place = openPlace(wanted, stateDir, mayMake);
      const entry = entries.get(place.path) ?? add(place);
      clearTimeout(entry.idle);
      entry.users++;
      const { opened } = entry;
      entry.place = place;
      if (opened?.thread.hasEnded !== false || !isSurelySame(opened.place.identity, place.identity))
        void shut(entry);
      return entry;
    },
    leave(root) {
      const entry = root as Entry;
      if (--entry.users === 0 && !isClosed) rest(entry);
    },
    runIn: root => around(root).map(runOf).find(Boolean),
    holderAround: root =>
      around(root)
        .filter(other => other !== root)
        .map(({ holder }) => holder?.leader)
        .find(Boolean),
    async close() {
      isClosed = true;
      await Promise.all([...entries.values()].map(shut));
      entries.clear();
    },
  };
}

/** What the system says of a root, or of its disk. */
export function rootError(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof AwError || code === undefined) return error as Error;
  if (NO_ROOM.has(code)) {
    return new AwError('AW_DISK', { path: show(path), reason: message }, { cause: error });
  }
  return new AwError('AW_TREE_ROOT', { path: show(path), reason: code }, { cause: error });
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'EFBIG']);
