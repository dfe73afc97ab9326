/** Makes the trees of followers equal to the leader's, side by side: none waits for another. */
import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { SnapshotChoice } from '../../contract/snapshot-names.ts';
import type { SyncEngineName } from '../../contract/sync-engines.ts';
import type { Exclusion } from '../../contract/trees.ts';
import type { Connect } from '../follower-client.ts';
import type { Frozen } from '../snapshots/freeze.ts';
import type { TransportContext } from '../transports/index.ts';
import { type Ahead, connectAhead } from './ahead.ts';
import { bootId } from './boot.ts';
import { followerFence } from './follower-fence.ts';
import { fenceHost, type HostConsistent, type HostFenceOptions } from './host-fence.ts';
import { createLeaderTrees, type LeaderTree, type LeaderTrees } from './leader-tree.ts';
import type { SyncEngine } from './sync-engine.ts';

export interface FenceSpec extends Pick<HostFenceOptions, 'rehash' | 'adopt' | 'allowEmpty' | 'portability'> {
  /** What brings the files; default `auto`. */
  engine?: SyncEngineName | undefined;
  /** Let the embedded engine do what another one does not. */
  heal?: boolean | undefined;
  hosts: readonly HostEntry[];
  /** The project's root on the leader, absolute. */
  project: string;
  /** What does not belong to the tree. */
  patterns: readonly string[];
  /** How the project is frozen for as long as followers are sent its files; default `auto`. */
  snapshot?: SnapshotChoice;
  /** For each host, all of it. */
  timeoutMs: number;
  connect: Connect;
  /** What connections are made with, besides a limit of the fence's own. */
  context: Omit<TransportContext, 'signal'>;
  /** Of a leader that stays; default: read for this fence alone. */
  trees?: LeaderTrees | undefined;
  /** Gives up. */
  signal?: AbortSignal;
  /** The tree is known, and no follower has been asked for its own yet. */
  onSnapshot?(snapshot: Snapshot): Promise<void>;
  onPhase?(host: string, phase: string): void;
}

export interface HostFence extends Pick<Partial<HostConsistent>, 'rewritten' | 'session' | 'healed'> {
  state: 'consistent' | 'timeout' | 'error';
  tookMs: number;
  error?: AwError;
  /** Of the follower's tree, when it is consistent: what a run may rely on. */
  digest?: string;
  excluded: Exclusion[];
  /** Steps that were taken, and bytes that were sent. */
  changes: number;
  sent: number;
}

/** What the followers are made equal to. */
export interface Snapshot {
  snapshotId: string;
  files: number;
  directories: number;
}

export interface Fence extends Snapshot {
  /** By host; settles when the last one has. Never rejects for a host. */
  results: Promise<Record<string, HostFence>>;
}

/** @throws AW_LEADER_UNSTABLE, AW_LEADER_UNREADABLE, AW_TREE_ROOT, AW_IGNORE_PATTERN, AW_SNAPSHOT_*: nothing was done to any follower's tree then. */
export async function startFence(spec: FenceSpec): Promise<Fence> {
  const trees = spec.trees ?? createLeaderTrees(spec.context.stateDir);
  const ahead = connectAhead(spec.hosts, (host, signal) => {
    const either = spec.signal === undefined ? signal : AbortSignal.any([signal, spec.signal]);
    return spec.connect(host, { ...spec.context, signal: either });
  });
  let tree: LeaderTree | undefined;
  const leave = () => {
    ahead.close();
    tree?.close();
    if (spec.trees === undefined) void trees.close();
  };
  try {
    const frozen = await readTree(trees, spec);
    tree = frozen.tree;
    const { digest, files, directories } = tree;
    const snapshotId = frozen.snapshot?.id ?? `tree-${digest.slice(0, 16)}`;
    const snapshot = { snapshotId, files, directories };
    await spec.onSnapshot?.(snapshot);
    return { ...snapshot, results: fenceAll(spec, ahead, trees, tree).finally(leave) };
  } catch (error) {
    leave();
    throw error;
  }
}

/** What makes snapshots is loaded for those who want one. */
async function readTree(trees: LeaderTrees, spec: FenceSpec): Promise<Frozen> {
  const { project, patterns, snapshot: choice = 'auto', context } = spec;
  if (choice === 'none') return { tree: await trees.read(project, patterns) };
  const { readFrozen } = await import('../snapshots/freeze.ts');
  const options = { stateDir: context.stateDir, choice, purpose: 'fence', proof: 'project' } as const;
  return readFrozen(trees, project, patterns, options);
}

async function fenceAll(
  spec: FenceSpec,
  ahead: Ahead,
  trees: LeaderTrees,
  tree: LeaderTree,
): Promise<Record<string, HostFence>> {
  const place = { bootId: bootId(), path: realpathSync(spec.project) };
  /** The project itself is what it was. */
  const isStill = async () => {
    const now = await trees.read(spec.project, spec.patterns);
    now.close();
    return now.digest === tree.digest;
  };
  const entries = spec.hosts.map(
    async (host): Promise<[string, HostFence]> => [
      host.name,
      await boundedFence(host, spec, ahead, tree, place, isStill),
    ],
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function boundedFence(
  host: HostEntry,
  spec: FenceSpec,
  ahead: Ahead,
  tree: LeaderTree,
  place: HostFenceOptions['place'],
  isStill: () => Promise<boolean>,
): Promise<HostFence> {
  const start = performance.now();
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), spec.timeoutMs);
  const signal =
    spec.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, spec.signal]);
  let phase = 'connecting';
  const onPhase = (now: string) => {
    phase = now;
    spec.onPhase?.(host.name, now);
  };
  try {
    const { digest, ...done } = await fenceOver(host, spec, ahead, tree, place, isStill, signal, onPhase);
    const tookMs = performance.now() - start;
    return done.error === undefined
      ? { state: 'consistent', tookMs, ...done, digest }
      : { state: 'error', tookMs, ...done };
  } catch (thrown) {
    const isLate = deadline.signal.aborted;
    const error = isLate
      ? new AwError('AW_FENCE_TIMEOUT', { seconds: spec.timeoutMs / 1000, phase }, { host: host.name })
      : asAwError(thrown, host.name);
    const state = isLate ? 'timeout' : 'error';
    return { state, tookMs: performance.now() - start, error, excluded: [], changes: 0, sent: 0 };
  } finally {
    clearTimeout(timer);
  }
}

async function fenceOver(
  host: HostEntry,
  spec: FenceSpec,
  ahead: Ahead,
  tree: LeaderTree,
  place: HostFenceOptions['place'],
  isStill: () => Promise<boolean>,
  signal: AbortSignal,
  onPhase: (phase: string) => void,
) {
  const client = await ahead.take(host, signal);
  const fence = followerFence(client.requester, randomUUID(), signal);
  let engine: SyncEngine | undefined;
  try {
    const { rehash, adopt, allowEmpty, portability, heal = false, project, patterns, timeoutMs } = spec;
    if (spec.engine === 'mutagen') {
      const { mutagenEngine } = await import('../mutagen/engine.ts');
      const context = { ...spec.context, signal };
      // Healing needs time, too.
      const flushMs = heal ? timeoutMs / 2 : timeoutMs;
      engine = mutagenEngine({ host, project, patterns, fence, context, flushMs, isStill, onPhase });
    }
    return await fenceHost(fence, {
      host: host.name,
      tree,
      place,
      root: host.workspace,
      leader: nameOf(spec.project),
      rehash,
      adopt,
      allowEmpty,
      portability,
      engine,
      heal,
      onPhase,
    });
  } finally {
    await engine?.stop();
    fence.release();
    client.close();
  }
}

/** Who fences, for other leaders, in at most 255 characters: of a long path both ends. */
function nameOf(project: string): string {
  const name = `${userInfo().username}@${hostname()}:${project}`;
  return name.length <= 255 ? name : `${name.slice(0, 154)}…${name.slice(-100)}`;
}
