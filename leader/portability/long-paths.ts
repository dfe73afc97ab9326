/** Paths that are too long on a host, with its workspace before them. Pure. */
import type { Os } from '../../contract/names.ts';
import type { DirectoryNode } from '../../follower/tree/node.ts';
import type { Finding } from './lint.ts';
import type { Profile } from './profiles.ts';

/**
 * Without the NUL at the end. What is beyond it cannot be opened by its path; on Windows, most programs cannot, while those
 * that are made for long paths can.
 */
const LONGEST: Record<
  Os,
  { length: number; unit: string; lengthOf(path: string): number; level: Finding['level'] }
> = {
  linux: { length: 4095, unit: 'bytes', lengthOf: path => Buffer.byteLength(path), level: 'error' },
  macos: { length: 1023, unit: 'bytes', lengthOf: path => Buffer.byteLength(path), level: 'error' },
  windows: { length: 259, unit: 'characters', lengthOf: path => path.length, level: 'warning' },
};
/** Bytes of a name that still says what it is. */
const SHORTEST_NAME = 8;

/** The first ones: of what is below a directory whose own path is too long, all is. */
export function* longPaths(
  tree: DirectoryNode,
  { os, workspace }: Pick<Profile, 'os' | 'workspace'>,
): Generator<Finding> {
  const { length: limit, unit, lengthOf, level } = LONGEST[os];
  const root = workspace.replace(/[\\/]+$/, '');
  yield* below(tree, '', lengthOf(root));

  function* below(node: DirectoryNode, at: string, before: number): Generator<Finding> {
    for (const [name, child] of node.children) {
      const path = at + name;
      const length = before + 1 + lengthOf(name);
      if (length > limit) {
        const longest = Buffer.byteLength(name) - (length - limit);
        yield {
          path,
          code: 'path-too-long',
          level,
          detail: `${length} ${unit} with ${JSON.stringify(workspace)} before it; ${limit} are usual there`,
          ...(longest >= SHORTEST_NAME ? { longest } : {}),
        };
      } else if (child.kind === 'directory') {
        yield* below(child, `${path}/`, length);
      }
    }
  }
}
