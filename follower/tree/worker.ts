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
  LinesDigest,
  Listing,
  Missing,
  Recipe,
} from '../../contract/trees.ts';
import { type Applied, apply } from './apply.ts';
import { probeCapabilities, sameNames } from './capabilities.ts';
import { type ContentReader, createContentReader } from './content-frames.ts';
import { type Drift, driftBetween, NO_DRIFT } from './drift.ts';
import { compileIgnores } from './ignore.ts';
import { createLargeContents, type LargeContents } from './large-contents.ts';
import { linesDigest, readText } from './line-endings.ts';
import { differing, listingsBelow } from './listing.ts';
import { loadTree, saveTree } from './memory.ts';
import { type DirectoryNode, directory, filesWith, withNodes } from './node.ts';
import { checkPlace, type Place } from './place.ts';
import { checkTreePath, createSafeRoot, type SafeRoot } from './safe-path.ts';
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
  /** Contents that are to be sent, by digest, with their sizes. */
  needs: Map<string, number>;
  large: LargeContents;
  /** Of the stream that brings them. */
  reader: ContentReader | undefined;
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
    const staging = recoverStaging(stagingDir);
    const large = createLargeContents(staging, place.path, stopWhenUnwanted);
    state = {
      ...opened,
      capabilities,
      tree,
      staging,
      needs: new Map(),
      large,
      reader: undefined,
      last: undefined,
    };
    return capabilities;
  },

  last: (): FenceHeld['last'] => known().last,

  scan(patterns: string[], rehash: boolean): Scanned {
    const { place, capabilities, tree: previous, stagingDir } = known();
    checkPlace(place);
    const rules = compileIgnores(patterns);
    const {
      tree,
      isOfOneMoment: _,
      ...found
    } = scan(place.path, {
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

  /** Looks whether the tree is still the one of this digest, and if not, what has become of it. */
  drift(patterns: string[], digest: string): Drift | undefined {
    const { tree: before, place } = known();
    const now = methods.scan(patterns, false);
    if (now.digest === digest) return undefined;
    return before.digest === digest ? driftBetween(before, known().tree, place.path) : NO_DRIFT;
  },

  sameLines(texts: LinesDigest[]): string[] {
    const root = createSafeRoot(known().place.path);
    return texts.filter(each => hasLines(root, each)).map(([path]) => path);
  },

  sameNames: (groups: string[][]): [string, string][] => sameNames(known().place.path, groups),

  differing: (digests: DirectoryDigest[]): Listing[] => [...differing(known().tree, new Map(digests))],

  list: (paths: string[]): Listing[] => paths.flatMap(path => [...listingsBelow(known().tree, path)]),

  /** Takes from the tree itself what it can, and says what is left to be sent. Nothing else stays staged. */
  collect(changes: Change[]): Content[] {
    const { staging, tree, place, large } = known();
    const wanted = new Map<string, number>();
    for (const change of changes) if (change.op === 'write') wanted.set(change.sha256, change.size);
    const missing = new Map(wanted);
    for (const sha256 of staging.clear(wanted)) {
      if (staging.has(sha256, wanted.get(sha256)!)) missing.delete(sha256);
    }
    if (missing.size > 0) {
      for (const [path, { sha256 }] of filesWith(tree, missing)) {
        if (missing.has(sha256) && staging.copyIn(join(place.path, path), sha256)) missing.delete(sha256);
      }
    }
    state = { ...known(), needs: missing };
    const withBasis = new Map(large.look(changes, tree, missing).map(content => [content.sha256, content]));
    return [...missing].map(([sha256, size]) => withBasis.get(sha256) ?? { sha256, size });
  },

  /** Puts large contents together; what is missing comes by `receive`, then `finish`. */
  begin(recipes: Recipe[]): Missing[] {
    const { place, large } = known();
    checkPlace(place);
    methods.received();
    const { missing, reader } = large.begin(recipes);
    state = { ...known(), reader };
    return missing;
  },

  /** What has not become the content that it was to be. */
  finish: (): Content[] => known().large.finish(),

  /** The next part of a stream with what was missing: frames, or chunks after `begin`. */
  receive(frames: Uint8Array): void {
    const { staging, needs } = known();
    const reader = known().reader ?? createContentReader(staging, needs);
    state = { ...known(), reader };
    reader.write(Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength));
  },

  /** The stream is over. @returns whether it ended where it may */
  received(): boolean {
    const { reader } = known();
    state = { ...known(), reader: undefined };
    const isWhole = reader?.isWhole() !== false;
    reader?.close();
    return isWhole;
  },

  apply(changes: Change[]): Omit<Applied, 'published'> {
    const { place, tree, staging, capabilities } = known();
    checkPlace(place);
    state = { ...known(), last: undefined };
    const { published, ...applied } = apply(changes, {
      root: place.path,
      actual: tree,
      staging,
      executable: capabilities.executable,
      beforeStep: stopWhenUnwanted,
    });
    // The next scan need not read what was just written: it looks whether all still looks as it was left.
    state = { ...known(), tree: withNodes(tree, published) };
    if (applied.problems.length === 0) staging.clear();
    return applied;
  },
};
export type TreeMethods = typeof methods;

function stopWhenUnwanted(): void {
  if (Atomics.load(known().stop, 0) !== 0) {
    throw new AwError('AW_INTERNAL', { reason: 'nobody waits for it' });
  }
}

function hasLines(root: SafeRoot, [path, digest]: LinesDigest): boolean {
  try {
    checkTreePath(path);
    const text = readText(root.resolve(path));
    return text !== undefined && linesDigest(text) === digest;
  } catch {
    return false;
  }
}

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
