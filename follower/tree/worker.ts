/** The thread that knows one tree: scans it, compares it, changes it. One for each root, kept while somebody works with it. */
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { AwError } from '../../contract/errors.ts';
import type {
  Capabilities,
  Change,
  Content,
  DirectoryDigest,
  Exclusion,
  FenceHeld,
  Listing,
} from '../../contract/trees.ts';
import { type Applied, apply } from './apply.ts';
import { probeCapabilities, sameNames } from './capabilities.ts';
import { compileIgnores } from './ignore.ts';
import { differing, listingsBelow } from './listing.ts';
import { loadTree, saveTree } from './memory.ts';
import { type DirectoryNode, directory, filesWith, withNodes } from './node.ts';
import { checkPlace, type Place } from './place.ts';
import { scan } from './scan.ts';
import { recoverStaging, type Staging } from './staging.ts';
import { serveThread } from './thread.ts';

export interface OpenTree {
  place: Place;
  stagingDir: string;
  bootId: string;
  /** Not 0: whoever wanted the changes is gone, and no further one is made. */
  stop: Int32Array;
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
/** Milliseconds after a look until what it has found is written down: somebody waits for what comes next. */
const SAVE_AFTER = 1_000;

interface State extends OpenTree {
  capabilities: Capabilities;
  tree: DirectoryNode;
  staging: Staging;
  /** The digest of the tree, and of the rules it was found by; undefined when it is no longer what was found. */
  last: FenceHeld['last'];
}

let saving: NodeJS.Timeout | undefined;
let state: State | undefined;

const methods = {
  open(opened: OpenTree): Capabilities {
    const { place, bootId, stagingDir } = opened;
    const capabilities = probeCapabilities(place.path);
    const tree = loadTree(memoryOf(place), bootId) ?? directory([]);
    state = { ...opened, capabilities, tree, staging: recoverStaging(stagingDir), last: undefined };
    return capabilities;
  },

  last: (): FenceHeld['last'] => known().last,

  scan(patterns: string[], rehash: boolean): Scanned {
    const { place, capabilities, tree: previous, stagingDir } = known();
    checkPlace(place);
    const rules = compileIgnores(patterns);
    const { tree, ...found } = scan(place.path, {
      rules,
      previous: rehash ? undefined : previous,
      executable: capabilities.executable,
      onTemporary: path => {
        if (relative(stagingDir, path) !== '') rmSync(path, { recursive: true, force: true });
      },
    });
    const last = found.problems.length === 0 ? { digest: tree.digest, rules: rules.digest } : undefined;
    state = { ...known(), tree, last };
    if (found.hashed > 0) saveLater();
    return { ...found, problems: found.problems.slice(0, PROBLEMS), digest: tree.digest };
  },

  sameNames: (groups: string[][]): [string, string][] => sameNames(known().place.path, groups),

  differing: (digests: DirectoryDigest[]): Listing[] => [...differing(known().tree, new Map(digests))],

  list: (paths: string[]): Listing[] => paths.flatMap(path => [...listingsBelow(known().tree, path)]),

  /** Takes from the tree itself what it can, and says what is left to be sent. Nothing else stays staged. */
  collect(changes: Change[]): Content[] {
    const { staging, tree, place } = known();
    const wanted = new Map<string, number>();
    for (const change of changes) if (change.op === 'write') wanted.set(change.sha256, change.size);
    staging.clear(new Set(wanted.keys()));
    const missing = new Map([...wanted].filter(([sha256, size]) => !staging.has(sha256, size)));
    if (missing.size === 0) return [];
    for (const [path, { sha256 }] of filesWith(tree, missing)) {
      if (missing.has(sha256) && staging.copyIn(join(place.path, path), sha256)) missing.delete(sha256);
    }
    return [...missing].map(([sha256, size]) => ({ sha256, size }));
  },

  apply(changes: Change[]): Omit<Applied, 'published'> {
    const { place, tree, staging, capabilities, stop } = known();
    checkPlace(place);
    state = { ...known(), last: undefined };
    const { published, ...applied } = apply(changes, {
      root: place.path,
      actual: tree,
      staging,
      executable: capabilities.executable,
      beforeStep: () => {
        if (Atomics.load(stop, 0) !== 0) throw new AwError('AW_INTERNAL', { reason: 'nobody waits for it' });
      },
    });
    // The next scan need not read what was just written: it looks whether all still looks as it was left.
    state = { ...known(), tree: withNodes(tree, published) };
    if (applied.problems.length === 0) staging.clear();
    return applied;
  },
};
export type TreeMethods = typeof methods;

function saveLater(): void {
  clearTimeout(saving);
  saving = setTimeout(() => {
    const { place, tree, bootId } = known();
    saveTree(memoryOf(place), tree, bootId);
  }, SAVE_AFTER);
}

function memoryOf({ stateDir }: Place): string {
  return join(stateDir, 'tree.json');
}

function known(): State {
  if (state === undefined) throw new Error('the tree is not open');
  return state;
}

serveThread(methods);
