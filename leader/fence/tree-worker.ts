/** The thread that knows the leader's tree: what each kind of follower is to have of it, and what one lacks. */
import { lstatSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type {
  Capabilities,
  Change,
  DirectoryDigest,
  Exclusion,
  LinesDigest,
  Listing,
} from '../../contract/trees.ts';
import { difference } from '../../follower/tree/diff.ts';
import { compileIgnores, type IgnoreRules } from '../../follower/tree/ignore.ts';
import { linesDigest, MOST_TEXTS, readText } from '../../follower/tree/line-endings.ts';
import { TICK } from '../../follower/tree/listed.ts';
import { assemble, directoryDigests } from '../../follower/tree/listing.ts';
import { loadTree, saveTree } from '../../follower/tree/memory.ts';
import {
  type DirectoryNode,
  filesWith,
  isPart,
  nodeAt,
  settled,
  type TreeNode,
  walk,
} from '../../follower/tree/node.ts';
import { doubtfulNames, type Projection, project } from '../../follower/tree/project.ts';
import { type Scan, scan } from '../../follower/tree/scan.ts';
import { serveThread } from '../../follower/tree/thread.ts';
import { makeRecipe, readPieces } from './recipe.ts';
import { smallFrames } from './small-files.ts';

export interface LeaderScan {
  digest: string;
  /** Digest of the rules of what is ignored. */
  rules: string;
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
  excluded: Exclusion[];
}

export interface Step {
  changes: Change[];
  /** Directories to be listed before `changes` is complete. */
  unknown: string[];
  /** Nothing has to be done, and what is there is the target. */
  isEqual: boolean;
  /** Files of the follower whose content would be replaced by another: the first, and how many. */
  replaced: { paths: string[]; count: number };
  /** Paths of the follower that would go, for a person: the first, and how many. */
  lost: { first: string | undefined; count: number };
}

/** Looks at a tree that does not hold still. */
const LOOKS = 5;
const EXAMPLES = 3;
/** Files of a tree that takes longer to look at than the pause before. */
const LARGE = 10_000;
/** What kinds of followers differ in is little, but it is they who say it. */
const PROJECTIONS = 16;
/** They share all in which they do not differ. */
const FORMER = 8;

/** A tree that fences go by, or may again: the last one stays. */
interface Kept {
  tree: DirectoryNode;
  projections: Map<string, Projection>;
  users: number;
}

let last: DirectoryNode | undefined;
let isLarge = false;
let isRemembered = true;
const kept = new Map<string, Kept>();
/** What followers were to have, the latest last. */
const former = new Map<string, DirectoryNode>();

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
   * Reads the tree until two looks in a row have seen the same, or one has seen nothing that has changed since it began: when
   * that look began, the tree really was so, and what came out is not the half of a change. The earlier of the two may be one of
   * long ago: whatever changed in between shows in a file that has to be read again. It is kept until it is released.
   * @throws AW_LEADER_UNSTABLE, AW_LEADER_UNREADABLE, AW_IGNORE_PATTERN, AW_TREE_ROOT
   */
  read(root: string, patterns: string[]): LeaderScan {
    const rules = compileIgnores(patterns);
    let before = last;
    // What was changed before it was asked for is then older than the look, which makes another one needless.
    if (isLarge) pause(2 * TICK);
    for (let looks = 1; ; looks++) {
      const found = look(root, rules, before);
      isLarge = found.files > LARGE;
      const isAsBefore = before?.digest === found.tree.digest && (looks > 1 || found.hashed === 0);
      before = found.tree;
      last = found.tree;
      if (found.hashed > 0) isRemembered = false;
      if (isAsBefore || found.isOfOneMoment) return keep(found, rules);
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
    former.delete(projection.tree.digest);
    former.set(projection.tree.digest, projection.tree);
    for (const other of former.keys()) if (former.size > FORMER) former.delete(other);
    return {
      digest: projection.tree.digest,
      isEmpty: projection.tree.children.size === 0,
      excluded: projection.excluded,
    };
  },

  directories: (digest: string, key: string): DirectoryDigest[] => [
    ...directoryDigests(targetOf(digest, key)),
  ],

  step(digest: string, key: string, actualDigest: string, listings: Listing[], folds: boolean): Step {
    const target = targetOf(digest, key);
    return stepTo(target, assemble(listings, actualDigest, target), folds);
  },

  /**
   * The step from a tree that a follower was to have before: by its digest, without asking what is in it. Only what it has
   * besides, for the sake of ignored files, is not known. Undefined when there was no such tree.
   */
  stepFromFormer(digest: string, key: string, actualDigest: string, folds: boolean): Step | undefined {
    const actual = former.get(actualDigest);
    return actual === undefined ? undefined : stepTo(targetOf(digest, key), actual, folds);
  },

  /** What a look at `root` finds, be it a copy of the tree or what it was read from. Changes nothing of what is known. */
  digestOf(root: string, digest: string, patterns: string[], rehash: boolean): string {
    return look(root, compileIgnores(patterns), rehash ? undefined : known(digest).tree).tree.digest;
  },

  /** The first directory of the tree, of which the one in `root` has this number. */
  directoryWithInode(root: string, digest: string, inode: number): string | undefined {
    for (const [path, node] of walk(known(digest).tree)) {
      if (node.kind !== 'directory') continue;
      if (lstatSync(`${root}/${path}`, { throwIfNoEntry: false })?.ino === inode) return path;
    }
    return undefined;
  },

  /** What belongs to the tree, parents first. */
  entries: (digest: string): [path: string, node: TreeNode][] =>
    [...walk(known(digest).tree)].filter(([, node]) => isPart(node)),

  /** Bytes of all files. */
  size(digest: string): number {
    let sum = 0;
    for (const [, node] of walk(known(digest).tree)) if (node.kind === 'file') sum += node.size;
    return sum;
  },

  /** A path for each content. */
  locate(digest: string, wanted: string[]): [sha256: string, path: string][] {
    const files = filesWith(known(digest).tree, new Set(wanted));
    return [...new Map(files.map(([path, { sha256 }]) => [sha256, path]))];
  },

  frames: smallFrames,
  recipe: makeRecipe,
  pieces: readPieces,

  /** Of those that are texts, what is in their lines. */
  lines: (root: string, paths: string[]): LinesDigest[] =>
    paths.flatMap(path => {
      const text = readText(join(root, path));
      return text === undefined ? [] : [[path, linesDigest(text)]];
    }),
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

/** Nobody else has anything to do in this thread. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function keep(found: Scan, rules: IgnoreRules): LeaderScan {
  const { tree, problems, files, directories, hashed, hashedBytes } = found;
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
  return { digest, rules: rules.digest, files, directories, hashed, hashedBytes };
}

function stepTo(target: DirectoryNode, actual: DirectoryNode, folds: boolean): Step {
  const { changes, unknown } = difference(actual, target, folds);
  const lost = changes.filter(change => isLoss(change, actual));
  const replaced = lost.filter(({ op, path }) => op === 'write' && nodeAt(actual, path)?.kind === 'file');
  return {
    changes,
    unknown,
    replaced: { paths: replaced.slice(0, MOST_TEXTS).map(({ path }) => path), count: replaced.length },
    isEqual: changes.length === 0 && unknown.length === 0 && settled(actual, target).digest === target.digest,
    lost: { first: lost[0]?.path, count: lost.length },
  };
}

type Loss = Extract<Change, { op: 'remove' | 'write' | 'link' }>;

/** Whether what the follower has there is nowhere any more once it is done. */
function isLoss(change: Change, actual: DirectoryNode): change is Loss {
  if (change.op === 'remove') return true;
  return (change.op === 'write' || change.op === 'link') && nodeAt(actual, change.path) !== undefined;
}

function targetOf(digest: string, key: string): DirectoryNode {
  return known(digest).projections.get(key)!.tree;
}

function known(digest: string): Kept {
  const entry = kept.get(digest);
  if (entry === undefined) throw new Error('no such tree has been read');
  return entry;
}

serveThread(methods);
