/** The thread that knows the leader's tree: what each kind of follower is to have of it, and what one lacks. */
import { renameSync, rmSync } from 'node:fs';
import { AwError, show } from '../../contract/errors.ts';
import type { Capabilities, Change, DirectoryDigest, Exclusion, Listing } from '../../contract/trees.ts';
import { difference } from '../../follower/tree/diff.ts';
import { compileIgnores, type IgnoreRules } from '../../follower/tree/ignore.ts';
import { assemble, directoryDigests } from '../../follower/tree/listing.ts';
import { loadTree, saveTree } from '../../follower/tree/memory.ts';
import { type DirectoryNode, settled, walk } from '../../follower/tree/node.ts';
import { doubtfulNames, type Projection, project } from '../../follower/tree/project.ts';
import { type Scan, scan } from '../../follower/tree/scan.ts';
import { serveThread } from '../../follower/tree/thread.ts';

export interface LeaderScan {
  digest: string;
  files: number;
  directories: number;
  /** Files that were read by the last look, and their bytes. */
  hashed: number;
  hashedBytes: number;
}

/** Where the tree is remembered for the next process. */
export interface Memory {
  file: string;
  bootId: string;
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

/** Looks at a tree that does not hold still. */
const LOOKS = 5;
const EXAMPLES = 3;
/** What kinds of followers differ in is little, but it is they who say it. */
const PROJECTIONS = 16;

/** A tree that fences go by, or may again: the last one stays. */
interface Kept {
  tree: DirectoryNode;
  projections: Map<string, Projection>;
  users: number;
}

let last: DirectoryNode | undefined;
let isRemembered = true;
const kept = new Map<string, Kept>();

const methods = {
  recall({ file, bootId }: Memory): void {
    last = loadTree(file, bootId);
  },

  /** Losing it costs time, and nothing else. */
  remember({ file, bootId }: Memory): void {
    if (isRemembered || last === undefined) return;
    isRemembered = true;
    // Of this process alone: two that write at one time must not make one file of two.
    const own = `${file}.${process.pid}`;
    saveTree(own, last, bootId);
    try {
      renameSync(own, file);
    } catch {
      rmSync(own, { force: true });
    }
  },

  /**
   * Reads the tree until two looks in a row have seen the same: when the second began, the tree really was so, and what came
   * out is not the half of a change. The earlier of the two may be one of long ago: whatever changed in between shows in a file
   * that has to be read again. It is kept until it is released.
   * @throws AW_LEADER_UNSTABLE, AW_LEADER_UNREADABLE, AW_IGNORE_PATTERN, AW_TREE_ROOT
   */
  read(root: string, patterns: string[]): LeaderScan {
    const rules = compileIgnores(patterns);
    let before = last;
    for (let looks = 1; ; looks++) {
      const found = look(root, rules, before);
      const isStill = before?.digest === found.tree.digest && (looks > 1 || found.hashed === 0);
      before = found.tree;
      last = found.tree;
      if (found.hashed > 0) isRemembered = false;
      if (isStill) return keep(found);
      if (looks === LOOKS) throw new AwError('AW_LEADER_UNSTABLE', { path: show(root) });
    }
  },

  release(digest: string): void {
    const entry = kept.get(digest);
    if (entry !== undefined && --entry.users === 0 && digest !== last?.digest) kept.delete(digest);
  },

  doubtful: (digest: string): string[][] => doubtfulNames(known(digest).tree),

  /** @param key says all that the projection depends on besides the tree */
  target(digest: string, key: string, capabilities: Capabilities, same: [string, string][]): Target {
    const { tree, projections } = known(digest);
    const pairs = new Set(same.map(pair => JSON.stringify(pair)));
    const areSame = (one: string, other: string) =>
      pairs.has(JSON.stringify([one, other])) || pairs.has(JSON.stringify([other, one]));
    const projection = projections.get(key) ?? project(tree, capabilities, areSame);
    projections.delete(key);
    projections.set(key, projection);
    return {
      digest: projection.tree.digest,
      isEmpty: projection.tree.children.size === 0,
      directories: [...directoryDigests(projection.tree)],
      excluded: projection.excluded,
    };
  },

  step(digest: string, key: string, actualDigest: string, listings: Listing[], folds: boolean): Step {
    const target = known(digest).projections.get(key)!.tree;
    const actual = assemble(listings, actualDigest, target);
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
  locate(digest: string, wanted: string[]): [sha256: string, path: string][] {
    const missing = new Set(wanted);
    const found: [string, string][] = [];
    for (const [path, node] of walk(known(digest).tree)) {
      if (node.kind === 'file' && missing.delete(node.sha256)) found.push([node.sha256, path]);
    }
    return found;
  },
};
export type LeaderTreeMethods = typeof methods;

function look(root: string, rules: IgnoreRules, previous: DirectoryNode | undefined): Scan {
  try {
    return scan(root, { rules, previous, executable: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AwError('AW_TREE_ROOT', { path: show(root), reason: code ?? message }, { cause: error });
  }
}

function keep({ tree, problems, files, directories, hashed, hashedBytes }: Scan): LeaderScan {
  if (problems.length > 0) {
    const examples = problems
      .slice(0, EXAMPLES)
      .map(({ path, detail }) => `${show(path)} (${detail})`)
      .join(', ');
    throw new AwError('AW_LEADER_UNREADABLE', { count: problems.length, examples });
  }
  const { digest } = tree;
  for (const [other, { users }] of kept) if (users === 0 && other !== digest) kept.delete(other);
  const entry = kept.get(digest) ?? { tree, projections: new Map(), users: 0 };
  entry.users++;
  // Between fences, because each needs its own to stay.
  if (entry.users === 1 && entry.projections.size > PROJECTIONS) entry.projections.clear();
  kept.set(digest, entry);
  return { digest, files, directories, hashed, hashedBytes };
}

function known(digest: string): Kept {
  const entry = kept.get(digest);
  if (entry === undefined) throw new Error('no such tree has been read');
  return entry;
}

serveThread(methods);
