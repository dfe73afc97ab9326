/**
 * One follower's part of a fence: looks at its tree, does what makes it the leader's, and looks again, until a look that
 * began after the last change finds it equal. Only then it is consistent.
 */
import { AwError, show } from '../../contract/errors.ts';
import type { Change, Exclusion, FenceHeld, Listing, Rewritten } from '../../contract/trees.ts';
import { knowsZstd, ZSTD } from '../../tunnel/compression.ts';
import { garbage } from '../follower-http.ts';
import type { SessionHealth } from '../mutagen/health.ts';
import type { FollowerFence } from './follower-fence.ts';
import type { LeaderTree } from './leader-tree.ts';
import { embeddedEngine, type SyncEngine } from './sync-engine.ts';
import type { Step } from './tree-worker.ts';

export interface HostFenceOptions {
  host: string;
  tree: LeaderTree;
  /** Of the leader: where the tree is, and the machine's boot. */
  place: { bootId: string; path: string };
  root: string;
  leader: string;
  /** Read every file there again. */
  rehash: boolean;
  /** What it holds already may be removed or replaced although no fence has put it there. */
  adopt: boolean;
  allowEmpty: boolean;
  /** Paths that it cannot have are an error, or are only told. */
  portability: 'error' | 'exclude';
  /** Instead of the embedded one. */
  engine?: SyncEngine | undefined;
  /** Let the embedded engine do what that one does not. */
  heal: boolean;
  /** What is being done, for whoever asks why it takes so long. */
  onPhase(phase: string): void;
}

export interface HostConsistent {
  /** Of the follower's tree: what a run may rely on. */
  digest: string;
  excluded: Exclusion[];
  /** AW_FENCE_EXCLUDED, where that is an error: it has all the rest. */
  error?: AwError;
  /** Steps that were taken, and bytes that were sent. */
  changes: number;
  sent: number;
  /** Of the files that were others than the leader's, some that were so only in their line endings. */
  rewritten?: Rewritten[];
  /** Of an engine that keeps one, when it had something to do. */
  session?: SessionHealth;
  /** Why the embedded engine had to make it equal instead. */
  healed?: AwError;
}

const ROUNDS = 3;
const EXAMPLES = 3;

/** @throws AW_FENCE_*, AW_TREE_*, AW_MUTAGEN_*, AW_LEADER_UNSTABLE and what the connection throws */
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
  // Within one machine it would only cost time.
  const isElsewhere = held.place.bootId !== options.place.bootId;
  if (isElsewhere && knowsZstd() && held.knows?.includes(ZSTD) === true) fence.compress();
  const { key, folds, target } = await aim(fence, held, tree);
  const fromFormer = (digest: string) => tree.thread.call('stepFromFormer', tree.digest, key, digest, folds);
  const result: Omit<HostConsistent, 'digest'> = { excluded: target.excluded, changes: 0, sent: 0 };
  const embedded = embeddedEngine(fence, tree, onPhase);
  const { engine = embedded, heal } = options;
  let isAllowed = false;
  try {
    return finish(await converge(engine));
  } catch (error) {
    if (!heal || engine === embedded || !isItsFailure(error)) throw error;
    onPhase(`${error.code}: the embedded engine goes on`);
    await engine.stop();
    result.healed = error;
    return finish(await converge(embedded));
  }

  /** Until it is equal, or it shows that it will not be. */
  async function converge(by: SyncEngine): Promise<HostConsistent> {
    let problem: string | undefined;
    let left = Number.POSITIVE_INFINITY;
    const likely = by === embedded ? await likelyStep() : undefined;
    if (likely !== undefined) await take(by, likely);
    for (let round = 0; ; round++) {
      const { digest, problems } = await look();
      const [unseen] = problems;
      if (unseen !== undefined) {
        throw incomplete(`${show(unseen.path)} there: ${unseen.detail ?? unseen.code}`);
      }
      const session = by.health();
      const done = { ...result, digest, ...(session === undefined ? {} : { session }) };
      if (digest === target.digest) return done;
      onPhase('comparing');
      const former = round === 0 ? await fromFormer(digest) : undefined;
      const step = former ?? (await compare(fence, tree, key, digest, folds));
      if (step.isEqual) return done;
      const { changes } = step;
      const rewritten = former === undefined ? await rewrittenIn(step) : [];
      if (round === ROUNDS || (changes.length >= left && !by.mayStall)) {
        const known =
          (await by.complaint()) ?? (problem === undefined ? rewriting(step, rewritten) : undefined);
        throw known ?? incomplete(whyNot(changes, problem));
      }
      if (rewritten.length > 0) {
        const paths = new Set([...(result.rewritten ?? []).map(({ path }) => path), ...rewritten]);
        result.rewritten = [...paths].map(path => ({ path, code: 'line-endings' }));
      }
      // A step that did not know all says nothing about the next one.
      left = former === undefined ? changes.length : Number.POSITIVE_INFINITY;
      problem = await take(by, step, rewritten);
    }
  }

  /** The files of a step that differ only in how their lines end, as far as they are looked at. */
  async function rewrittenIn({ replaced }: Step): Promise<string[]> {
    const texts = replaced.count === 0 ? [] : await tree.lines(replaced.paths);
    return texts.length === 0 ? [] : fence.sameLines(texts);
  }

  /** When nothing else is in the way of being equal. */
  function rewriting({ changes, replaced }: Step, rewritten: readonly string[]): AwError | undefined {
    if (rewritten.length === 0 || rewritten.length < replaced.paths.length) return undefined;
    if (changes.length > replaced.count) return undefined;
    const more = replaced.count > EXAMPLES ? ` and ${replaced.count - EXAMPLES} more` : '';
    const files = `${rewritten
      .slice(0, EXAMPLES)
      .map(path => show(path))
      .join(', ')}${more}`;
    return new AwError('AW_TREE_LINE_ENDINGS', { path: show(options.root), files }, { host });
  }

  /**
   * What there is to do if the follower's tree is still as the last fence has left it, without a look at it before: the look
   * that comes after tells whether it was.
   */
  async function likelyStep(): Promise<Step | undefined> {
    const { last, isKnown } = held;
    if (!isKnown || options.rehash || last?.rules !== tree.rules) return undefined;
    const step = await fromFormer(last.digest);
    return step?.changes.length === 0 ? undefined : step;
  }

  /** @returns why some of it was not done */
  async function take(by: SyncEngine, step: Step, rewritten: string[] = []): Promise<string | undefined> {
    const { changes } = step;
    if (!isAllowed) refuseToDestroy(step, rewritten, target.isEmpty, held, options);
    isAllowed = true;
    onPhase(`${changes.length} changes`);
    const { changes: done, sent, problem } = await by.sync(changes, { ...held, excluded: target.excluded });
    result.changes += done;
    result.sent += sent;
    return problem;
  }

  function finish(done: HostConsistent): HostConsistent {
    const { excluded } = done;
    if (excluded.length === 0 || options.portability === 'exclude') return done;
    const examples = excluded
      .slice(0, EXAMPLES)
      .map(({ path, detail }) => `${show(path)} (${detail})`)
      .join(', ');
    const error = new AwError('AW_FENCE_EXCLUDED', { count: excluded.length, examples }, { host });
    return { ...done, error };
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

async function compare(fence: FollowerFence, tree: LeaderTree, key: string, actual: string, folds: boolean) {
  const directories = await tree.thread.call('directories', tree.digest, key);
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
  { lost, replaced }: Step,
  rewritten: readonly string[],
  isEmpty: boolean,
  { isKnown, filledBy }: FenceHeld,
  { adopt, allowEmpty, host, root, place }: HostFenceOptions,
): void {
  if (lost.first === undefined) return;
  if (isEmpty && !allowEmpty) {
    throw new AwError('AW_TREE_EMPTY', { path: show(root), project: show(place.path) }, { host });
  }
  if (isKnown || adopt) return;
  const only = lost.count === replaced.count && rewritten.length === replaced.paths.length;
  const others = lost.count === 1 ? '' : ` and ${lost.count - 1} more`;
  const how = only ? ', different only in line endings (core.autocrlf of a git there?)' : '';
  const whose =
    filledBy === undefined ? '' : `; what stood there before was filled by ${show(filledBy, 255)}`;
  const more = `${others}${how}${whose}`;
  throw new AwError('AW_TREE_STRANGE', { path: show(root), example: show(lost.first), more }, { host });
}

/** What the engine could not do, and not what it was not asked to do. */
function isItsFailure(error: unknown): error is AwError {
  return error instanceof AwError && /^AW_(?:MUTAGEN_|FENCE_INCOMPLETE$)/.test(error.code);
}

function whyNot([change]: readonly Change[], problem: string | undefined): string {
  if (problem !== undefined) return problem;
  if (change?.op === 'respell') {
    return `its file system calls ${show(change.to)} ${show(change.from)}, whatever it is given`;
  }
  const path = change === undefined ? '' : change.op === 'move' ? change.to : change.path;
  return `${show(path)} is different again after it was made equal`;
}
