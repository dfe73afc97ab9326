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
  Listing,
} from '../../contract/trees.ts';
import { createContentReader } from './content-frames.ts';
import { isFilled, markFilled } from './place.ts';
import { createRoots, type Root, rootError, type Tree } from './roots.ts';
import { checkTreePath } from './safe-path.ts';
import { openStaging, type Staging } from './staging.ts';

const PROBLEMS = 100;

interface Fence {
  root: Root;
  tree: Tree;
  staging: Staging;
  changes: Change[];
  needs: Map<string, number>;
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
  /** Somebody else is about to write there for this fence. @throws AW_TREE_BUSY */
  claim(fenceId: string): Promise<void>;
  plan(fenceId: string, changes: Change[]): Promise<Content[]>;
  content(fenceId: string): ReturnType<typeof createContentReader>;
  apply(fenceId: string): Promise<FenceApplied>;
  /** What is being changed is not changed further; only then can others hold the root. */
  end(fenceId: string): void;
  /**
   * Starts a run in a tree that a fence has left: from the look at it until the run has ended, no fence changes it.
   * @throws AW_TREE_DRIFTED when its files are others now; AW_TREE_ROOT; what `start` throws
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
        const staging = openStaging(tree.stagingDir);
        Atomics.store(tree.stop, 0, 0);
        const fence = { root, tree, staging, changes: [], needs: new Map(), calls: 0, isOver: false };
        fences.set(fenceId, { ...fence, release });
        const { path } = root.place;
        return {
          capabilities: tree.capabilities,
          isKnown: isFilled(root.place, bootId),
          place: { bootId, path },
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

    claim: fenceId =>
      during(fenceId, async fence => {
        refuseUnderRuns(fence);
        markFilled(fence.root.place, bootId);
      }),

    plan: (fenceId, changes) =>
      during(fenceId, async fence => {
        for (const change of changes) {
          if (change.op === 'respell' || change.op === 'move') checkTreePath(change.from);
          checkTreePath(change.op === 'respell' || change.op === 'move' ? change.to : change.path);
        }
        if (changes.length > 0) refuseUnderRuns(fence);
        fence.changes = changes;
        const needs = await fence.tree.thread.call('collect', changes);
        fence.needs = new Map(needs.map(({ sha256, size }) => [sha256, size]));
        return needs;
      }),

    content(fenceId) {
      const fence = fenceOf(fenceId);
      const reader = createContentReader(fence.staging, fence.needs);
      return {
        ...reader,
        write: chunk => {
          try {
            if (fence.isOver) fenceOf(fenceId);
            reader.write(chunk);
          } catch (error) {
            throw rootError(fence.staging.directory, error);
          }
        },
      };
    },

    apply: fenceId =>
      during(fenceId, async fence => {
        const { root, changes, tree } = fence;
        if (changes.length === 0) return { done: 0, bytes: 0, problems: [], failed: 0 };
        refuseUnderRuns(fence);
        fence.changes = [];
        // From now on what is in it is the leader's, also when this ends half-way.
        markFilled(root.place, bootId);
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
      if (fence.calls === 0) fence.release();
      else Atomics.store(fence.tree.stop, 0, 1);
    },

    async useTree(runId, { root: wanted, digest, patterns }, start) {
      const root = roots.enter(wanted, false);
      root.starting.add(runId);
      try {
        const { thread } = await root.tree();
        const scanned = await thread.call('scan', patterns, false);
        if (scanned.digest !== digest) throw new AwError('AW_TREE_DRIFTED', { path: show(wanted) });
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
