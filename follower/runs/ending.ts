/** Ending a run's whole process tree: politely first, for certain at last. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  canFindTrees,
  findTree,
  type ProcessEntry,
  signalTree,
  type TreeRoot,
  type TreeSignal,
} from './tree.ts';

const STEPS: readonly TreeSignal[] = ['SIGINT', 'SIGTERM', 'SIGKILL'];
/** How long dead processes may take to be gone. */
const KILL_MS = 5000;

export interface EndingOptions {
  /** The first step. */
  signal: TreeSignal;
  /** Between the steps. */
  graceMs: number;
  /** Whether the root was seen to end: all there is to see on Windows. */
  rootEnded(): boolean;
}

export interface Ending {
  /** Goes on to this step now, if it has not been reached. */
  raise(signal: TreeSignal): void;
  /** What is left, normally nothing. Never rejects. */
  readonly done: Promise<ProcessEntry[]>;
}

/** Sends INT, TERM and KILL in turn to every process of the run, until none is left. */
export function endTree(root: TreeRoot, options: EndingOptions): Ending {
  let wanted = STEPS.indexOf(options.signal);
  let interrupt = new AbortController();

  const isGone = async () => (canFindTrees ? (await findTree(root)).length === 0 : options.rootEnded());
  const politely = async (step: number): Promise<boolean> => {
    await signalTree(root, STEPS[step]!);
    const deadline = performance.now() + options.graceMs;
    for (let pause = 10; wanted <= step; pause = Math.min(pause * 1.5, 200)) {
      if (await isGone()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await sleep(Math.min(pause, left), undefined, { signal: interrupt.signal }).catch(() => {});
    }
    return false;
  };
  const run = async () => {
    for (let step = wanted; step < STEPS.length - 1; step = Math.max(step + 1, wanted)) {
      if (await politely(step)) return [];
    }
    return await killTree(root, KILL_MS, options.rootEnded);
  };

  return {
    raise(signal) {
      if (STEPS.indexOf(signal) <= wanted) return;
      wanted = STEPS.indexOf(signal);
      interrupt.abort();
      interrupt = new AbortController();
    },
    done: run().catch(() => []),
  };
}

/** KILL to every process of the run until two looks in a row find none. @returns what is left after `limitMs`. */
export async function killTree(
  root: TreeRoot,
  limitMs: number,
  rootEnded: () => boolean = () => true,
): Promise<ProcessEntry[]> {
  const deadline = performance.now() + limitMs;
  let left: ProcessEntry[] = [];
  // Twice, for one that was started while the first look went past its place.
  for (
    let empty = 0, pause = 2;
    empty < 2 && performance.now() < deadline;
    pause = Math.min(pause * 2, 100)
  ) {
    left = await signalTree(root, 'SIGKILL');
    empty = left.length === 0 && (canFindTrees || rootEnded()) ? empty + 1 : 0;
    if (empty < 2) await sleep(pause);
  }
  return left;
}
