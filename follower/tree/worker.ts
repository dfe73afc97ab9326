/** The thread that knows one tree: scans it, compares it, changes it. One for each root, kept while somebody works with it. */
import { join } from 'node:path';
import type {
  Capabilities,
  Change,
  Content,
  DirectoryDigest,
  Exclusion,
  Listing,
} from '../../contract/trees.ts';
import { type Applied, apply } from './apply.ts';
import { probeCapabilities } from './capabilities.ts';
import { compileIgnores } from './ignore.ts';
import { differing, listingsBelow } from './listing.ts';
import { loadTree, saveTree } from './memory.ts';
import { type DirectoryNode, directory, walk, withNodes } from './node.ts';
import { scan } from './scan.ts';
import { openStaging, type Staging } from './staging.ts';
import { serveThread } from './thread.ts';

export interface Place {
  /** Absolute, and no link. */
  root: string;
  /** Of this tree alone: what is remembered of it. */
  stateDir: string;
  stagingDir: string;
  bootId: string;
}

export interface Scanned {
  digest: string;
  files: number;
  directories: number;
  hashed: number;
  hashedBytes: number;
  /** At most `PROBLEMS`. */
  problems: Exclusion[];
}

const PROBLEMS = 100;

interface State {
  place: Place;
  capabilities: Capabilities;
  tree: DirectoryNode;
  staging: Staging;
}

let state: State | undefined;

const methods = {
  open(place: Place): Capabilities {
    if (state === undefined) {
      state = {
        place,
        capabilities: probeCapabilities(place.root),
        tree: loadTree(memoryOf(place), place.bootId) ?? directory([]),
        staging: openStaging(place.stagingDir),
      };
    }
    return state.capabilities;
  },

  scan(patterns: string[], rehash: boolean): Scanned {
    const { place, capabilities, tree: previous } = known();
    const { tree, ...found } = scan(place.root, {
      rules: compileIgnores(patterns),
      previous: rehash ? undefined : previous,
      executable: capabilities.executable,
    });
    state = { ...known(), tree };
    if (found.hashed > 0) saveTree(memoryOf(place), tree, place.bootId);
    return { ...found, problems: found.problems.slice(0, PROBLEMS), digest: tree.digest };
  },

  differing: (digests: DirectoryDigest[]): Listing[] => [...differing(known().tree, new Map(digests))],

  list: (paths: string[]): Listing[] => paths.flatMap(path => [...listingsBelow(known().tree, path)]),

  /** Takes from the tree itself what it can, and says what is left to be sent. */
  collect(changes: Change[]): Content[] {
    const { staging, tree, place } = known();
    const wanted = new Map<string, number>();
    for (const change of changes) if (change.op === 'write') wanted.set(change.sha256, change.size);
    const missing = new Map([...wanted].filter(([sha256, size]) => !staging.has(sha256, size)));
    if (missing.size === 0) return [];
    for (const [path, node] of walk(tree)) {
      if (node.kind !== 'file' || !missing.has(node.sha256)) continue;
      if (staging.copyIn(join(place.root, path), node.sha256)) missing.delete(node.sha256);
    }
    return [...missing].map(([sha256, size]) => ({ sha256, size }));
  },

  apply(changes: Change[]): Omit<Applied, 'published'> {
    const { place, tree, staging, capabilities } = known();
    const { published, ...applied } = apply(changes, {
      root: place.root,
      actual: tree,
      staging,
      executable: capabilities.executable,
    });
    // The next scan need not read what was just written: it looks whether all still looks as it was left.
    state = { ...known(), tree: withNodes(tree, published) };
    if (applied.problems.length === 0) staging.clear();
    return applied;
  },
};
export type TreeMethods = typeof methods;

function memoryOf({ stateDir }: Place): string {
  return join(stateDir, 'tree.json');
}

function known(): State {
  if (state === undefined) throw new Error('the tree is not open');
  return state;
}

serveThread(methods);
