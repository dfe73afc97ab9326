/** The thread that knows the leader's tree: what each kind of follower is to have of it, and what one lacks. */
import type { Capabilities, Change, DirectoryDigest, Exclusion, Listing } from '../../contract/trees.ts';
import { difference } from '../../follower/tree/diff.ts';
import { compileIgnores } from '../../follower/tree/ignore.ts';
import { assemble, directoryDigests } from '../../follower/tree/listing.ts';
import { type DirectoryNode, settled, walk } from '../../follower/tree/node.ts';
import { doubtfulNames, type Projection, project } from '../../follower/tree/project.ts';
import { scan } from '../../follower/tree/scan.ts';
import { serveThread } from '../../follower/tree/thread.ts';

export interface LeaderScan {
  digest: string;
  files: number;
  directories: number;
  hashed: number;
  hashedBytes: number;
  /** What cannot be told to anybody. */
  problems: Exclusion[];
}

export interface Target {
  digest: string;
  isEmpty: boolean;
  directories: DirectoryDigest[];
  excluded: Exclusion[];
}

export interface Step {
  changes: Change[];
  /** Directories to be listed before `changes` is complete. */
  unknown: string[];
  /** Nothing has to be done, and what is there is the target. */
  isEqual: boolean;
  /** Paths of the follower that would go, for a person: the first, and how many. */
  removed: { first: string | undefined; count: number };
}

let tree: DirectoryNode | undefined;
const projections = new Map<string, Projection>();

const methods = {
  scan(root: string, patterns: string[]): LeaderScan {
    const before = tree;
    const { tree: found, ...rest } = scan(root, {
      rules: compileIgnores(patterns),
      previous: before,
      executable: true,
    });
    tree = found;
    if (before?.digest !== found.digest) projections.clear();
    return { ...rest, digest: found.digest };
  },

  doubtful: (): string[][] => doubtfulNames(known()),

  /** @param key says all that the projection depends on besides the tree */
  target(key: string, capabilities: Capabilities, same: [string, string][]): Target {
    const pairs = new Set(same.map(pair => JSON.stringify(pair)));
    const areSame = (one: string, other: string) =>
      pairs.has(JSON.stringify([one, other])) || pairs.has(JSON.stringify([other, one]));
    const projection = projections.get(key) ?? project(known(), capabilities, areSame);
    projections.set(key, projection);
    return {
      digest: projection.tree.digest,
      isEmpty: projection.tree.children.size === 0,
      directories: [...directoryDigests(projection.tree)],
      excluded: projection.excluded,
    };
  },

  step(key: string, digest: string, listings: Listing[], folds: boolean): Step {
    const target = projections.get(key)!.tree;
    const actual = assemble(listings, digest, target);
    const { changes, unknown } = difference(actual, target, folds);
    const removed = changes.filter(change => change.op === 'remove');
    return {
      changes,
      unknown,
      isEqual:
        changes.length === 0 && unknown.length === 0 && settled(actual, target).digest === target.digest,
      removed: { first: removed[0]?.path, count: removed.length },
    };
  },

  /** A path for each content. */
  locate(wanted: string[]): [sha256: string, path: string][] {
    const missing = new Set(wanted);
    const found: [string, string][] = [];
    for (const [path, node] of walk(known())) {
      if (node.kind === 'file' && missing.delete(node.sha256)) found.push([node.sha256, path]);
    }
    return found;
  },
};
export type LeaderTreeMethods = typeof methods;

function known(): DirectoryNode {
  if (tree === undefined) throw new Error('the tree has not been scanned');
  return tree;
}

serveThread(methods);
