/** The fences under way on this follower, and the steps of each. */
import { AwError, show } from '../../contract/errors.ts';
import type { RunRequest } from '../../contract/follower-api.ts';
import type {
  Change,
  Content,
  DirectoryDigest,
  FenceApplied,
  FenceHeld,
  FenceHold,
  FenceScan,
  FenceScanned,
  LinesDigest,
  Listing,
  Missing,
  Recipe,
} from '../../contract/trees.ts';
import { knowsZstd, ZSTD } from '../../tunnel/compression.ts';
import { driftError } from './drift.ts';
import { MOST_TEXTS } from './line-endings.ts';
import { filledBy, isFilled, markFilled } from './place.ts';
import { createRoots, type Root, rootError, type Tree } from './roots.ts';
import { checkTreePath } from './safe-path.ts';

const PROBLEMS = 100;

interface Fence {
  root: Root;
  leader: string;
  tree: Tree;
  changes: Change[];
  /** Calls under way. */
  calls: number;
  isOver: boolean;
  release(): void;
}

export interface Fences {
  /**
   * Begins it; where another one of the same leader holds the root, when that has let go of it.
   * @param signal the leader is gone
   * @throws AW_TREE_ROOT, AW_TREE_LOCKED
   */
  hold(fenceId: string, request: FenceHold, signal: AbortSignal): Promise<FenceHeld>;
  scan(fenceId: string, request: FenceScan): Promise<FenceScanned>;
  sameNames(fenceId: string, groups: string[][]): Promise<[string, string][]>;
  differing(fenceId: string, digests: DirectoryDigest[]): Promise<Listing[]>;
  list(fenceId: string, paths: string[]): Promise<Listing[]>;
  /** Those of the files that have these lines, whatever ends each; only the first of many are looked at. */
  sameLines(fenceId: string, texts: LinesDigest[]): Promise<string[]>;
  /** Somebody else is about to write there for this fence. @throws AW_TREE_BUSY */
  claim(fenceId: string): Promise<void>;
  plan(fenceId: string, changes: Change[]): Promise<Content[]>;
  /** The next part of what was missing, as frames, or as chunks after `begin`. The bytes are handed over. @throws AW_INVALID_REQUEST, AW_DISK */
  receive(fenceId: string, frames: Uint8Array): Promise<void>;
  /** Large contents, put together from what is there. @returns what is to come of them, by `receive`; then `finish` */
  begin(fenceId: string, recipes: Recipe[]): Promise<Missing[]>;
  /** @returns large contents that have not become what they are to be */
  finish(fenceId: string): Promise<Content[]>;
  /** No more of it comes. @returns whether it ended where it may; of what has not come whole, only large contents stay */
  received(fenceId: string): Promise<boolean>;
  apply(fenceId: string): Promise<FenceApplied>;
  /** What is being changed is not changed further; only then can others hold the root. */
  end(fenceId: string): void;
  /**
   * Starts a run in a tree that a fence has left: from the look at it until the run has ended, no fence changes it.
   * @throws AW_TREE_DRIFTED or AW_TREE_LINE_ENDINGS when its files are others now; AW_TREE_ROOT; what `start` throws
   */
  useTree<T>(runId: string, tree: NonNullable<RunRequest['tree']>, start: () => T): Promise<T>;
  close(): Promise<void>;
}

/**
 * @param stateDir of the agent
 * @param isLive whether the processes of a run are still at work
 */
export function createFences(stateDir: string, bootId: string, isLive: (runId: string) => boolean): Fences {
  const roots = createRoots(stateDir, bootId, isLive);
  const fences = new Map<string, Fence>();

  const fenceOf = (fenceId: string): Fence => {
    const fence = fences.get(fenceId);
    if (fence === undefined) throw new AwError('AW_FENCE_NOT_FOUND', { fenceId: show(fenceId) });
    return fence;
  };
  const during = async <T>(fenceId: string, work: (fence: Fence) => Promise<T>): Promise<T> => {
    const fence = fenceOf(fenceId);
    fence.calls++;
    try {
      return await work(fence);
    } catch (error) {
      throw rootError(fence.root.place.path, error);
    } finally {
      if (--fence.calls === 0 && fence.isOver) fence.release();
    }
  };
  const refuseUnderRuns = ({ root }: Fence) => {
    const runId = roots.runIn(root);
    if (runId !== undefined) throw new AwError('AW_TREE_BUSY', { path: show(root.place.path), runId });
  };
  const mark = ({ root, leader }: Fence) => markFilled(root.place, bootId, leader);
  /** Takes the root, or waits for a fence of the same leader to let go of it. */
  const acquire = async (root: Root, leader: string, signal: AbortSignal): Promise<() => void> => {
    const gone = new Promise(fulfil => signal.addEventListener('abort', fulfil, { once: true }));
    for (;;) {
      signal.throwIfAborted();
      const other = roots.holderAround(root) ?? root.holder?.leader;
      if (other === undefined) break;
      if (other !== leader || root.holder === undefined) {
        throw new AwError('AW_TREE_LOCKED', { path: show(root.place.path), holder: show(other) });
      }
      await Promise.race([root.holder.released, gone]);
    }
    const { promise: released, resolve } = Promise.withResolvers<void>();
    root.holder = { leader, released };
    return () => {
      root.holder = undefined;
      resolve();
    };
  };

  return {
    async hold(fenceId, { root: wanted, leader }, signal) {
      const root = roots.enter(wanted, true);
      let letGo: (() => void) | undefined;
      const release = () => {
        letGo?.();
        roots.leave(root);
      };
      try {
        letGo = await acquire(root, leader, signal);
        const tree = await root.tree();
        signal.throwIfAborted();
        if (fences.has(fenceId)) {
          throw new AwError('AW_INVALID_REQUEST', { problem: 'a fence has this id already' });
        }
        const last = await tree.thread.call('last');
        Atomics.store(tree.stop, 0, 0);
        fences.set(fenceId, { root, leader, tree, changes: [], calls: 0, isOver: false, release });
        const { path } = root.place;
        return {
          capabilities: tree.capabilities,
          isKnown: isFilled(root.place, bootId),
          filledBy: filledBy(root.place),
          place: { bootId, path },
          knows: knowsZstd() ? [ZSTD] : [],
          last,
        };
      } catch (error) {
        release();
        throw rootError(wanted, error);
      }
    },

    scan: (fenceId, { patterns, rehash }) =>
      during(fenceId, async ({ tree: { thread } }) => {
        const start = performance.now();
        const scanned = await thread.call('scan', patterns, rehash);
        return { ...scanned, tookMs: performance.now() - start };
      }),

    sameNames: (fenceId, groups) =>
      during(fenceId, ({ tree: { thread } }) => thread.call('sameNames', groups)),
    differing: (fenceId, digests) =>
      during(fenceId, ({ tree: { thread } }) => thread.call('differing', digests)),
    list: (fenceId, paths) => during(fenceId, ({ tree: { thread } }) => thread.call('list', paths)),

    sameLines: (fenceId, texts) =>
      during(fenceId, ({ tree: { thread } }) => thread.call('sameLines', texts.slice(0, MOST_TEXTS))),

    claim: fenceId =>
      during(fenceId, async fence => {
        refuseUnderRuns(fence);
        mark(fence);
      }),

    plan: (fenceId, changes) =>
      during(fenceId, async fence => {
        for (const change of changes) {
          if (change.op === 'respell' || change.op === 'move') checkTreePath(change.from);
          checkTreePath(change.op === 'respell' || change.op === 'move' ? change.to : change.path);
        }
        if (changes.length > 0) refuseUnderRuns(fence);
        fence.changes = changes;
        return fence.tree.thread.call('collect', changes);
      }),

    receive: (fenceId, frames) => during(fenceId, ({ tree: { thread } }) => thread.call('receive', frames)),
    received: fenceId => during(fenceId, ({ tree: { thread } }) => thread.call('received')),

    begin: (fenceId, recipes) => during(fenceId, ({ tree: { thread } }) => thread.call('begin', recipes)),
    finish: fenceId => during(fenceId, ({ tree: { thread } }) => thread.call('finish')),

    apply: fenceId =>
      during(fenceId, async fence => {
        const { changes, tree } = fence;
        if (changes.length === 0) return { done: 0, bytes: 0, problems: [], failed: 0 };
        refuseUnderRuns(fence);
        fence.changes = [];
        // From now on what is in it is the leader's, also when this ends half-way.
        mark(fence);
        const { done, bytes, problems } = await tree.thread.call('apply', changes);
        return {
          done,
          bytes,
          problems: problems.slice(0, PROBLEMS).map(each => ({ ...each })),
          failed: problems.length,
        };
      }),

    end(fenceId) {
      const fence = fences.get(fenceId);
      if (fence === undefined) return;
      fences.delete(fenceId);
      fence.isOver = true;
      // Before whatever the next one asks of the thread. Where that has ended, nothing is left to let go of.
      fence.tree.thread.call('received').catch(() => {});
      if (fence.calls === 0) fence.release();
      else Atomics.store(fence.tree.stop, 0, 1);
    },

    async useTree(runId, { root: wanted, digest, patterns }, start) {
      const root = roots.enter(wanted, false);
      root.starting.add(runId);
      try {
        const { thread } = await root.tree();
        const drift = await thread.call('drift', patterns, digest);
        if (drift !== undefined) throw driftError(show(wanted), drift);
        const started = start();
        root.runs.add(runId);
        return started;
      } catch (error) {
        throw rootError(wanted, error);
      } finally {
        root.starting.delete(runId);
        roots.leave(root);
      }
    },

    async close() {
      await roots.close();
      fences.clear();
    },
  };
}
