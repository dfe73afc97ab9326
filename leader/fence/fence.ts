/** Makes the trees of followers equal to the leader's, side by side: none waits for another. */
import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Exclusion } from '../../contract/trees.ts';
import type { Connect } from '../follower-client.ts';
import type { TransportContext } from '../transports/index.ts';
import { bootId } from './boot.ts';
import { followerFence } from './follower-fence.ts';
import { fenceHost, type HostFenceOptions } from './host-fence.ts';
import { createLeaderTrees, type LeaderTree, type LeaderTrees } from './leader-tree.ts';

export interface FenceSpec extends Pick<HostFenceOptions, 'rehash' | 'adopt' | 'allowEmpty' | 'portability'> {
  hosts: readonly HostEntry[];
  /** The project's root on the leader, absolute. */
  project: string;
  /** What does not belong to the tree. */
  patterns: readonly string[];
  /** For each host, all of it. */
  timeoutMs: number;
  connect: Connect;
  /** What connections are made with, besides a limit of the fence's own. */
  context: Omit<TransportContext, 'signal'>;
  /** Of a leader that stays; default: read for this fence alone. */
  trees?: LeaderTrees | undefined;
  /** Gives up. */
  signal?: AbortSignal;
  /** The tree is known, and no follower has been asked for anything yet. */
  onSnapshot?(snapshot: Snapshot): Promise<void>;
  onPhase?(host: string, phase: string): void;
}

export interface HostFence {
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

/** @throws AW_LEADER_UNSTABLE, AW_LEADER_UNREADABLE, AW_TREE_ROOT, AW_IGNORE_PATTERN: no follower was touched then. */
export async function startFence(spec: FenceSpec): Promise<Fence> {
  const trees = spec.trees ?? createLeaderTrees(spec.context.stateDir);
  let tree: LeaderTree | undefined;
  const leave = () => {
    tree?.close();
    if (spec.trees === undefined) void trees.close();
  };
  try {
    tree = await trees.read(spec.project, spec.patterns);
    const { digest, files, directories } = tree;
    const snapshot = { snapshotId: `tree-${digest.slice(0, 16)}`, files, directories };
    await spec.onSnapshot?.(snapshot);
    return { ...snapshot, results: fenceAll(spec, tree).finally(leave) };
  } catch (error) {
    leave();
    throw error;
  }
}

async function fenceAll(spec: FenceSpec, tree: LeaderTree): Promise<Record<string, HostFence>> {
  const place = { bootId: bootId(), path: realpathSync(spec.project) };
  const entries = spec.hosts.map(
    async (host): Promise<[string, HostFence]> => [host.name, await boundedFence(host, spec, tree, place)],
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function boundedFence(
  host: HostEntry,
  spec: FenceSpec,
  tree: LeaderTree,
  place: HostFenceOptions['place'],
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
    const done = await fenceOver(host, spec, tree, place, signal, onPhase);
    return { state: 'consistent', tookMs: performance.now() - start, ...done };
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
  tree: LeaderTree,
  place: HostFenceOptions['place'],
  signal: AbortSignal,
  onPhase: (phase: string) => void,
) {
  const client = await spec.connect(host, { ...spec.context, signal });
  const fence = followerFence(client.requester, randomUUID(), signal);
  try {
    const { rehash, adopt, allowEmpty, portability } = spec;
    return await fenceHost(fence, {
      host: host.name,
      tree,
      place,
      root: host.workspace,
      leader: `${userInfo().username}@${hostname()}:${spec.project}`,
      rehash,
      adopt,
      allowEmpty,
      portability,
      onPhase,
    });
  } finally {
    fence.release();
    client.close();
  }
}
