/**
 * A second thread for the walk of a large tree: it looks at what is known to be at its end while the first is at its beginning,
 * until they meet. It decides nothing, and whoever does not get its answer in time looks for himself.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { listedOf, type Seen } from './listed.ts';
import { FREE, OURS, type Portion, portionMemory, seenAt, TAKEN } from './look-portion.ts';
import type { DirectoryNode } from './node.ts';

/** Files of a tree for which it is worth it, and of what is handed over at once. */
const LARGE = 10_000;
const PORTION = 1_000;
/** Milliseconds. A disk that is slower than that is slow for one as for two. */
const PATIENCE = 50;

/** Undefined is what could not be seen. */
export type Looks = (Seen | undefined)[];

export interface Ahead {
  /** The directory at `path`, then its files in the order of the tree; undefined when they are not looked at by others. */
  take(path: string): Looks | undefined;
}

const NOTHING: Ahead = { take: () => undefined };

interface Offer extends Portion {
  /** One that the other is still at from an earlier walk is none. */
  isOpen: boolean;
}

interface Place {
  offer: Offer;
  /** In looks. */
  start: number;
  end: number;
}

/** What of a tree is handed over. Kept for the next walk that begins with the same one. */
interface Plan {
  tree: DirectoryNode;
  root: string;
  rules: string;
  offers: readonly Offer[];
  places: ReadonlyMap<string, Place>;
}

let worker: Worker | undefined;
let plan: Plan | undefined;

/**
 * Begins with it.
 * @param tree what an earlier walk has found, by these rules
 */
export function lookAhead(root: string, tree: DirectoryNode | undefined, rules: string): Ahead {
  const files = tree === undefined ? 0 : (listedOf(tree, rules)?.files ?? 0);
  if (tree === undefined || files < LARGE || availableParallelism() < 2) return NOTHING;
  const isSame = plan?.tree === tree && plan.root === root && plan.rules === rules;
  if (plan === undefined || !isSame) plan = planFor(root, tree, rules, files);
  worker ??= start();
  // The last ones first: the walk comes to them at its end.
  for (const offer of plan.offers.toReversed()) {
    const state = new Int32Array(offer.memory, 0, 1);
    const before = Atomics.load(state, 0);
    offer.isOpen = before !== TAKEN && Atomics.compareExchange(state, 0, before, FREE) !== TAKEN;
    if (offer.isOpen) worker.postMessage({ text: offer.text, memory: offer.memory } satisfies Portion);
  }
  const { places } = plan;
  return {
    take: path => {
      const place = places.get(path);
      return place === undefined ? undefined : looksAt(place);
    },
  };
}

/** The second half of the files. */
function planFor(root: string, tree: DirectoryNode, rules: string, files: number): Plan {
  const places = new Map<string, Place>();
  const offers: Offer[] = [];
  let paths: { path: string; start: number; end: number }[] = [];
  let text = '';
  let looks = 0;
  const close = () => {
    const offer = { text, memory: portionMemory(looks), isOpen: false };
    for (const { path, start, end } of paths) places.set(path, { offer, start, end });
    offers.push(offer);
    paths = [];
    text = '';
    looks = 0;
  };
  let passed = 0;
  const visit = (node: DirectoryNode, at: string) => {
    const listed = listedOf(node, rules);
    if (listed === undefined) return;
    if (passed + listed.files <= files / 2) {
      passed += listed.files;
      return;
    }
    const start = looks;
    let names = '';
    let own = 0;
    for (const [name, { kind }] of node.children) {
      if (kind !== 'file') continue;
      names += `${name}\0`;
      own++;
    }
    passed += own;
    if (passed > files / 2) {
      looks += 1 + own;
      text += `${at === '' ? root : `${root}/${at}`}\0${names}\0`;
      paths.push({ path: at, start, end: looks });
      if (looks >= PORTION) close();
    }
    for (const [name, child] of node.children) {
      if (child.kind === 'directory') visit(child, at === '' ? name : `${at}/${name}`);
    }
  };
  visit(tree, '');
  if (looks > 0) close();
  return { tree, root, rules, offers, places };
}

function start(): Worker {
  const started = new Worker(new URL('./look-worker.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  started.unref();
  const forget = () => {
    if (worker === started) worker = undefined;
  };
  // Whoever waits for it looks for himself.
  started.on('error', forget);
  started.on('exit', forget);
  return started;
}

/** Undefined when the walk was there first, or the other does not come to an end with it. */
function looksAt({ offer, start, end }: Place): Looks | undefined {
  const { memory } = offer;
  if (!offer.isOpen) return undefined;
  const state = new Int32Array(memory, 0, 1);
  // Directories of one portion come one after the other: the first of them decides for all.
  const found = Atomics.compareExchange(state, 0, FREE, OURS);
  if (found === TAKEN) offer.isOpen = Atomics.wait(state, 0, TAKEN, PATIENCE) !== 'timed-out';
  if (found === FREE || found === OURS || !offer.isOpen) return undefined;
  return Array.from({ length: end - start }, (_, index) => seenAt(memory, start + index));
}
