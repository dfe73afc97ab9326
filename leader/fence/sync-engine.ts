/** What brings a follower's tree from what a look has found to what it is to be. The look that follows tells what came of it. */
import type { AwError } from '../../contract/errors.ts';
import { show } from '../../contract/errors.ts';
import type { Capabilities, Change, Content, Exclusion } from '../../contract/trees.ts';
import { garbage } from '../follower-http.ts';
import type { SessionHealth } from '../mutagen/health.ts';
import type { FollowerFence } from './follower-fence.ts';
import type { LeaderTree } from './leader-tree.ts';

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
  return {
    mayStall: false,
    async sync(changes) {
      const needs = planned(await fence.plan(changes), changes);
      const sent = needs.reduce((sum, { size }) => sum + size, 0);
      if (needs.length > 0) {
        onPhase(`sending ${needs.length} files, ${sent} bytes`);
        await fence.send(tree.contents(needs));
      }
      onPhase('writing');
      const { done, problems } = await fence.apply();
      const [first] = problems;
      if (first === undefined) return { changes: done, sent };
      return { changes: done, sent, problem: `${show(first.path)}: ${first.reason}` };
    },
    complaint: async () => undefined,
    health: () => undefined,
    stop: async () => {},
  };
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
