/**
 * One follower's part of a fence: looks at its tree, does what makes it the leader's, and looks again, until a look that
 * began after the last change finds it equal. Only then it is consistent.
 */
import { AwError, show } from '../../contract/errors.ts';
import type { Change, Content, Exclusion, FenceApplied, FenceHeld, Listing } from '../../contract/trees.ts';
import { garbage } from '../follower-http.ts';
import type { FollowerFence } from './follower-fence.ts';
import type { LeaderTree } from './leader-tree.ts';

export interface HostFenceOptions {
  host: string;
  tree: LeaderTree;
  /** Of the leader: where the tree is, and the machine's boot. */
  place: { bootId: string; path: string };
  root: string;
  leader: string;
  /** Read every file there again. */
  rehash: boolean;
  /** What it holds already may be removed although no fence has put it there. */
  adopt: boolean;
  allowEmpty: boolean;
  /** Paths that it cannot have are an error, or are only told. */
  portability: 'error' | 'exclude';
  /** What is being done, for whoever asks why it takes so long. */
  onPhase(phase: string): void;
}

export interface HostConsistent {
  /** Of the follower's tree: what a run may rely on. */
  digest: string;
  excluded: Exclusion[];
  /** Steps that were taken, and bytes that were sent. */
  changes: number;
  sent: number;
}

const ROUNDS = 3;
const EXAMPLES = 3;

/** @throws AW_FENCE_*, AW_TREE_*, AW_LEADER_UNSTABLE and what the connection throws */
export async function fenceHost(fence: FollowerFence, options: HostFenceOptions): Promise<HostConsistent> {
  const { tree, host, onPhase } = options;
  const { patterns } = tree;
  onPhase('waiting for its tree');
  const held = await fence.hold({ root: options.root, leader: options.leader });
  const look = async () => {
    onPhase('scanning');
    return fence.scan({ patterns, rehash: options.rehash });
  };
  if (isLeadersOwn(held, options)) {
    const { digest } = await look();
    return { digest, excluded: [], changes: 0, sent: 0 };
  }
  const { key, folds, target } = await aim(fence, held, tree);
  const result = { excluded: target.excluded, changes: 0, sent: 0 };

  let last: FenceApplied | undefined;
  let left = Number.POSITIVE_INFINITY;
  for (let round = 0; ; round++) {
    const scanned = await look();
    const [problem] = scanned.problems;
    if (problem !== undefined) {
      throw incomplete(`${show(problem.path)} there: ${problem.detail ?? problem.code}`);
    }
    if (scanned.digest === target.digest) return { ...finish(result), digest: scanned.digest };
    onPhase('comparing');
    const step = await compare(fence, tree, key, scanned.digest, folds, target.directories);
    if (step.isEqual) return { ...finish(result), digest: scanned.digest };
    if (round === ROUNDS || step.changes.length >= left) throw incomplete(whyNot(step.changes, last));
    left = step.changes.length;
    if (round === 0) refuseToDestroy(step.removed, target.isEmpty, held, options);
    onPhase(`${left} changes`);
    const needs = planned(await fence.plan(step.changes), step.changes);
    if (needs.length > 0) {
      const bytes = needs.reduce((sum, { size }) => sum + size, 0);
      onPhase(`sending ${needs.length} files, ${bytes} bytes`);
      await fence.send(tree.contents(needs));
      result.sent += bytes;
    }
    onPhase('writing');
    last = await fence.apply();
    result.changes += last.done;
  }

  function finish<R extends { excluded: Exclusion[] }>(done: R): R {
    const { excluded } = done;
    if (excluded.length === 0 || options.portability === 'exclude') return done;
    const examples = excluded
      .slice(0, EXAMPLES)
      .map(({ path, detail }) => `${show(path)} (${detail})`)
      .join(', ');
    throw new AwError('AW_FENCE_EXCLUDED', { count: excluded.length, examples }, { host });
  }
  function incomplete(problem: string) {
    return new AwError('AW_FENCE_INCOMPLETE', { problem }, { host });
  }
}

/** What this follower is to have, by what its file system can hold. */
async function aim(fence: FollowerFence, { capabilities }: FenceHeld, { thread, digest }: LeaderTree) {
  const folds = !capabilities.caseSensitive || !capabilities.normalizationSensitive;
  const doubtful = folds ? await thread.call('doubtful', digest) : [];
  const same = doubtful.length === 0 ? [] : await fence.sameNames(doubtful);
  const key = JSON.stringify([capabilities, same]);
  return { key, folds, target: await thread.call('target', digest, key, capabilities, same) };
}

async function compare(
  fence: FollowerFence,
  tree: LeaderTree,
  key: string,
  actual: string,
  folds: boolean,
  directories: Parameters<FollowerFence['differing']>[0],
) {
  const listings: Listing[] = await fence.differing(directories);
  const asked = new Set<string>();
  for (;;) {
    const step = await tree.thread.call('step', tree.digest, key, actual, listings, folds);
    if (step.unknown.length === 0) return step;
    if (step.unknown.some(path => asked.has(path)))
      throw garbage('it does not say what its directories hold');
    for (const path of step.unknown) asked.add(path);
    for (const listing of await fence.list(step.unknown)) listings.push(listing);
  }
}

/** What a follower asks for, as far as it is to have it. @throws AW_PROTOCOL_GARBAGE when it asks for anything else */
function planned(needs: readonly Content[], changes: readonly Change[]): Content[] {
  const sizes = new Map(
    changes.flatMap(each => (each.op === 'write' ? [[each.sha256, each.size] as const] : [])),
  );
  return needs.map(({ sha256, size }) => {
    if (sizes.get(sha256) !== size) throw garbage('it asks for content that is not in the plan');
    sizes.delete(sha256);
    return { sha256, size };
  });
}

/** A follower of the leader's own machine may be given the leader's own files, which are equal to themselves. */
function isLeadersOwn({ place }: FenceHeld, { place: own, host }: HostFenceOptions): boolean {
  if (place.bootId !== own.bootId) return false;
  if (place.path === own.path) return true;
  if (`${place.path}/`.startsWith(`${own.path}/`) || `${own.path}/`.startsWith(`${place.path}/`)) {
    throw new AwError('AW_TREE_OVERLAP', { path: show(place.path), project: show(own.path) }, { host });
  }
  return false;
}

/** The first fence of a root may meet somebody's files, when the catalogue has a wrong path. */
function refuseToDestroy(
  removed: { first: string | undefined; count: number },
  isEmpty: boolean,
  { isKnown }: FenceHeld,
  { adopt, allowEmpty, host, root, place }: HostFenceOptions,
): void {
  if (removed.first === undefined) return;
  if (isEmpty && !allowEmpty) {
    throw new AwError('AW_TREE_EMPTY', { path: show(root), project: show(place.path) }, { host });
  }
  if (isKnown || adopt) return;
  const more = removed.count === 1 ? '' : ` and ${removed.count - 1} more`;
  throw new AwError('AW_TREE_STRANGE', { path: show(root), example: show(removed.first), more }, { host });
}

function whyNot(changes: readonly { op: string }[], last: FenceApplied | undefined): string {
  const [problem] = last?.problems ?? [];
  if (problem !== undefined) return `${show(problem.path)}: ${problem.reason}`;
  const [change] = changes as readonly { op: string; path?: string; to?: string }[];
  return `${show(change?.path ?? change?.to ?? '')} is different again after it was made equal`;
}
