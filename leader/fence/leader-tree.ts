/** The leader's tree at one moment. It is only ever read. */
import { AwError, show } from '../../contract/errors.ts';
import type { Content } from '../../contract/trees.ts';
import { startThread, type Thread } from '../../follower/tree/thread.ts';
import { contentFrames } from './content.ts';
import type { LeaderScan, LeaderTreeMethods } from './tree-worker.ts';

/** Looks at a tree that does not hold still. */
const LOOKS = 4;
const EXAMPLES = 3;

export interface LeaderTree extends Omit<LeaderScan, 'problems'> {
  patterns: readonly string[];
  thread: Thread<LeaderTreeMethods>;
  /** Of these contents, one after the other, as the follower takes them. @throws AW_LEADER_UNSTABLE */
  contents(wanted: readonly Content[]): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

/**
 * Reads the tree until two looks in a row see the same: what lies between them is then a state that the tree really had, and
 * not the half of a change. The second look reads no file again.
 * @throws AW_LEADER_UNSTABLE, AW_LEADER_UNREADABLE, AW_IGNORE_PATTERN, AW_TREE_ROOT
 */
export async function readLeaderTree(root: string, patterns: readonly string[]): Promise<LeaderTree> {
  const thread = startThread<LeaderTreeMethods>(new URL('./tree-worker.ts', import.meta.url));
  try {
    let scan = await look(thread, root, patterns);
    for (let looks = 1; ; looks++) {
      const again = await look(thread, root, patterns);
      const isStill = again.digest === scan.digest;
      scan = again;
      if (isStill) break;
      if (looks === LOOKS) throw new AwError('AW_LEADER_UNSTABLE', { path: show(root) });
    }
    const { problems, ...found } = scan;
    if (problems.length > 0) {
      const examples = problems
        .slice(0, EXAMPLES)
        .map(({ path, detail }) => `${show(path)} (${detail})`)
        .join(', ');
      throw new AwError('AW_LEADER_UNREADABLE', { count: problems.length, examples });
    }
    return {
      ...found,
      patterns,
      thread,
      contents: async function* (wanted) {
        const paths = new Map(
          await thread.call(
            'locate',
            wanted.map(({ sha256 }) => sha256),
          ),
        );
        yield* contentFrames(root, wanted, paths);
      },
      close: () => thread.close(),
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

async function look(thread: Thread<LeaderTreeMethods>, root: string, patterns: readonly string[]) {
  try {
    return await thread.call('scan', root, [...patterns]);
  } catch (error) {
    if (error instanceof AwError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AwError('AW_TREE_ROOT', { path: show(root), reason: code ?? message }, { cause: error });
  }
}
