/** What brings a follower's tree from what a look has found to what it is to be. The look that follows tells what came of it. */
import { AwError, show } from '../../contract/errors.ts';
import { LARGE_FILE } from '../../contract/limits.ts';
import type { Capabilities, Change, Content, Exclusion } from '../../contract/trees.ts';
import { garbage } from '../follower-http.ts';
import type { SessionHealth } from '../mutagen/health.ts';
import type { FollowerFence } from './follower-fence.ts';
import { sendChunks } from './large-files.ts';
import type { LeaderTree } from './leader-tree.ts';

/** Changes that are made together. */
const PART = 10_000;

export interface Synced {
  /** Steps that were taken, and bytes that were sent. */
  changes: number;
  sent: number;
  /** Why some were not. */
  problem?: string;
}

export interface SyncEngine {
  /** An attempt that has brought nothing nearer may be followed by one that does. */
  readonly mayStall: boolean;
  /** One attempt. @throws what ends the fence of this host */
  sync(
    changes: readonly Change[],
    aim: { capabilities: Capabilities; excluded: readonly Exclusion[] },
  ): Promise<Synced>;
  /** What it knows of why the attempts were not enough. */
  complaint(): Promise<AwError | undefined>;
  /** Of what keeps at it, when there is such a thing. */
  health(): SessionHealth | undefined;
  /** Resolves when it changes nothing any more. */
  stop(): Promise<void>;
}

/** The fence's own: steps that the follower takes by itself, with content that it does not have yet. */
export function embeddedEngine(
  fence: FollowerFence,
  tree: LeaderTree,
  onPhase: (phase: string) => void,
): SyncEngine {
  let occupied: string | undefined;
  const bring = async (changes: readonly Change[]): Promise<Synced> => {
    const needs = planned(await fence.plan(changes), changes);
    const before = fence.sentBytes();
    const whole = needs.filter(content => !hasBasis(content));
    const inParts = needs.filter(hasBasis);
    if (inParts.length > 0) {
      onPhase(`sending what has changed of ${inParts.length} large files`);
      whole.push(...(await sendChunks(fence, await tree.large(inParts), inParts)));
    }
    if (whole.length > 0) {
      const bytes = whole.reduce((sum, { size }) => sum + size, 0);
      onPhase(`sending ${whole.length} files, ${bytes} bytes`);
      await fence.send(tree.contents(whole));
    }
    const sent = fence.sentBytes() - before;
    onPhase('writing');
    const { done, problems } = await fence.apply();
    const [first] = problems;
    occupied ??= problems.find(({ code }) => code === 'EISDIR')?.path;
    if (first === undefined) return { changes: done, sent };
    return { changes: done, sent, problem: `${show(first.path)}: ${first.reason}` };
  };
  return {
    mayStall: false,
    async sync(changes) {
      const all: Synced = { changes: 0, sent: 0 };
      occupied = undefined;
      for (const part of parts(changes)) {
        const { changes: done, sent, problem } = await bring(part);
        all.changes += done;
        all.sent += sent;
        if (problem !== undefined) all.problem ??= problem;
      }
      return all;
    },
    complaint: async () =>
      occupied === undefined ? undefined : new AwError('AW_TREE_OCCUPIED', { path: show(occupied) }),
    health: () => undefined,
    stop: async () => {},
  };
}

/**
 * Many at one time take much memory on either side. Where something is to be removed or moved, all of them are one: its content may
 * be wanted elsewhere.
 */
function* parts(changes: readonly Change[]): Generator<readonly Change[]> {
  const isOnlyNew = changes.every(({ op }) => op === 'mkdir' || op === 'write' || op === 'link');
  const size = isOnlyNew ? PART : changes.length;
  let at = 0;
  do {
    yield changes.slice(at, at + size);
    at += size;
  } while (at < changes.length);
}

function hasBasis({ size, basis }: Content): boolean {
  return basis === true && size >= LARGE_FILE;
}

/** What a follower asks for, as far as it is to have it. @throws AW_PROTOCOL_GARBAGE when it asks for anything else */
function planned(needs: readonly Content[], changes: readonly Change[]): Content[] {
  const sizes = new Map(
    changes.flatMap(each => (each.op === 'write' ? [[each.sha256, each.size] as const] : [])),
  );
  return needs.map(({ sha256, size, basis }) => {
    if (sizes.get(sha256) !== size) throw garbage('it asks for content that is not in the plan');
    sizes.delete(sha256);
    return basis === undefined ? { sha256, size } : { sha256, size, basis };
  });
}
