/** The fences under way on this follower: who holds which root, and the steps of each. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { RunRequest } from '../../contract/follower-api.ts';
import type {
  Capabilities,
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
import { areOneName } from './capabilities.ts';
import { createContentReader } from './content-frames.ts';
import { TEMPORARY_PREFIX } from './protected-names.ts';
import { checkTreePath } from './safe-path.ts';
import { openStaging, type Staging } from './staging.ts';
import { startThread, type Thread } from './thread.ts';
import type { TreeMethods } from './worker.ts';

/** A thread that nobody has used for this long ends; what it knows is on disk. Milliseconds. */
const THREAD_IDLE = 60_000;
const PROBLEMS = 100;

interface Root {
  path: string;
  stateDir: string;
  stagingDir: string;
  capabilities: Capabilities;
  thread: Thread<TreeMethods>;
  /** The leader that holds it. */
  holder: string | undefined;
  /** Those that were started in it. */
  runs: Set<string>;
  idle: NodeJS.Timeout | undefined;
}

interface Fence {
  root: Root;
  staging: Staging;
  changes: Change[];
  needs: Map<string, number>;
}

export interface Fences {
  /** Begins it. @throws AW_TREE_ROOT, AW_TREE_LOCKED */
  hold(fenceId: string, request: FenceHold): Promise<FenceHeld>;
  scan(fenceId: string, request: FenceScan): Promise<FenceScanned>;
  sameNames(fenceId: string, groups: readonly (readonly string[])[]): [string, string][];
  differing(fenceId: string, digests: DirectoryDigest[]): Promise<Listing[]>;
  list(fenceId: string, paths: string[]): Promise<Listing[]>;
  plan(fenceId: string, changes: Change[]): Promise<Content[]>;
  content(fenceId: string): ReturnType<typeof createContentReader>;
  apply(fenceId: string): Promise<FenceApplied>;
  end(fenceId: string): void;
  /** A run is to work in a tree that a fence has left. @throws AW_TREE_DRIFTED when its files are others now; AW_TREE_LOCKED */
  useTree(runId: string, tree: NonNullable<RunRequest['tree']>): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param stateDir of the agent
 * @param isLive whether the processes of a run are still at work
 */
export function createFences(stateDir: string, bootId: string, isLive: (runId: string) => boolean): Fences {
  const roots = new Map<string, Root>();
  const fences = new Map<string, Fence>();

  const fenceOf = (fenceId: string): Fence => {
    const fence = fences.get(fenceId);
    if (fence === undefined) throw new AwError('AW_FENCE_NOT_FOUND', { fenceId: show(fenceId) });
    return fence;
  };
  const openRoot = async (wanted: string): Promise<Root> => {
    const path = realRoot(wanted);
    const known = roots.get(path);
    if (known !== undefined) {
      clearTimeout(known.idle);
      return known;
    }
    const own = join(stateDir, 'trees', createHash('sha256').update(path).digest('hex').slice(0, 16));
    const thread = startThread<TreeMethods>(new URL('./worker.ts', import.meta.url));
    try {
      mkdirSync(own, { recursive: true, mode: 0o700 });
      const stagingDir = stagingFor(path, own);
      const capabilities = await thread.call('open', { root: path, stateDir: own, stagingDir, bootId });
      const root: Root = {
        path,
        stateDir: own,
        stagingDir,
        capabilities,
        thread,
        holder: undefined,
        runs: new Set(),
        idle: undefined,
      };
      const other = roots.get(path);
      if (other === undefined) roots.set(path, root);
      else void thread.close();
      return other ?? root;
    } catch (error) {
      void thread.close();
      throw rootError(wanted, error);
    }
  };
  const rest = (root: Root) => {
    clearTimeout(root.idle);
    root.idle = setTimeout(() => {
      roots.delete(root.path);
      void root.thread.close();
    }, THREAD_IDLE);
    root.idle.unref();
  };
  const end = (fenceId: string) => {
    const fence = fences.get(fenceId);
    if (fence === undefined) return;
    fences.delete(fenceId);
    fence.root.holder = undefined;
    rest(fence.root);
  };
  return {
    async hold(fenceId, { root: wanted, leader }) {
      const root = await openRoot(wanted);
      if (root.holder !== undefined) {
        rest(root);
        throw new AwError('AW_TREE_LOCKED', { path: show(wanted), holder: show(root.holder) });
      }
      root.holder = leader;
      fences.set(fenceId, { root, staging: openStaging(root.stagingDir), changes: [], needs: new Map() });
      const { path, capabilities } = root;
      return { capabilities, isKnown: existsSync(markOf(root)), place: { bootId, path } };
    },

    async scan(fenceId, { patterns, rehash }) {
      const { root } = fenceOf(fenceId);
      const start = performance.now();
      try {
        const scanned = await root.thread.call('scan', patterns, rehash);
        return { ...scanned, tookMs: performance.now() - start };
      } catch (error) {
        throw rootError(root.path, error);
      }
    },

    sameNames(fenceId, groups) {
      const { root } = fenceOf(fenceId);
      return groups.flatMap(names =>
        names.flatMap((one, index) =>
          names
            .slice(index + 1)
            .filter(other => areOneName(root.path, one, other))
            .map((other): [string, string] => [one, other]),
        ),
      );
    },

    differing: (fenceId, digests) => fenceOf(fenceId).root.thread.call('differing', digests),
    list: (fenceId, paths) => fenceOf(fenceId).root.thread.call('list', paths),

    async plan(fenceId, changes) {
      const fence = fenceOf(fenceId);
      for (const change of changes) {
        if (change.op === 'respell' || change.op === 'move') checkTreePath(change.from);
        checkTreePath(change.op === 'respell' || change.op === 'move' ? change.to : change.path);
      }
      const runId = changes.length === 0 ? undefined : [...fence.root.runs].find(isLive);
      if (runId !== undefined) throw new AwError('AW_TREE_BUSY', { path: show(fence.root.path), runId });
      fence.changes = changes;
      const needs = await fence.root.thread.call('collect', changes);
      fence.needs = new Map(needs.map(({ sha256, size }) => [sha256, size]));
      return needs;
    },

    content(fenceId) {
      const { staging, needs } = fenceOf(fenceId);
      return createContentReader(staging, needs);
    },

    async apply(fenceId) {
      const { root, changes } = fenceOf(fenceId);
      // From now on what is in it is the leader's, also when this ends half-way.
      writeFileSync(markOf(root), `${root.path}\n`, { mode: 0o600 });
      const { done, bytes, problems } = await root.thread.call('apply', changes);
      return {
        done,
        bytes,
        problems: problems.slice(0, PROBLEMS).map(problem => ({ ...problem })),
        failed: problems.length,
      };
    },

    end,

    async useTree(runId, { root: wanted, digest, patterns }) {
      const root = await openRoot(wanted);
      try {
        const scanned = await root.thread.call('scan', patterns, false);
        if (scanned.digest !== digest) throw new AwError('AW_TREE_DRIFTED', { path: show(wanted) });
        for (const used of root.runs) if (!isLive(used)) root.runs.delete(used);
        root.runs.add(runId);
      } finally {
        if (root.holder === undefined) rest(root);
      }
    },

    async close() {
      for (const { thread, idle } of roots.values()) {
        clearTimeout(idle);
        await thread.close();
      }
      roots.clear();
      fences.clear();
    },
  };
}

/** Stands there once a fence has changed the root: from then on all in it may be changed. */
function markOf({ stateDir }: Root): string {
  return join(stateDir, 'root');
}

/** Where a rename reaches the tree: with the agent's own state, else beside the root, else, hidden, in it. */
function stagingFor(root: string, stateDir: string): string {
  if (statSync(stateDir).dev === statSync(root).dev) return join(stateDir, 'staging');
  const name = `${TEMPORARY_PREFIX}staging`;
  const beside = join(dirname(root), `${name}-${basename(root)}`);
  try {
    mkdirSync(beside, { mode: 0o700, recursive: true });
    if (statSync(beside).dev === statSync(root).dev) return beside;
    rmSync(beside, { recursive: true });
  } catch {
    // Nothing can be made there.
  }
  return join(root, name);
}

/** @throws AW_TREE_ROOT */
function realRoot(path: string): string {
  try {
    const real = realpathSync(path);
    if (dirname(real) === real) throw new Error('it is all of a file system');
    if (!statSync(real).isDirectory()) throw new Error('it is not a directory');
    return real;
  } catch (error) {
    throw rootError(path, error);
  }
}

function rootError(path: string, error: unknown): AwError {
  if (error instanceof AwError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new AwError('AW_TREE_ROOT', { path: show(path), reason: code ?? message }, { cause: error });
}
