/**
 * Notices that something may have changed in a project. It is a hint when to look, and never what to look at: watchers lose events,
 * so that whoever waits for one looks also when none comes.
 */
import { type FSWatcher, lstatSync, watch } from 'node:fs';
import { join } from 'node:path';
import { compileIgnores, type IgnoreRules } from '../../follower/tree/ignore.ts';

/** Milliseconds without an event after which a burst of them is over. */
const QUIET = 100;
/** Milliseconds after which it counts as over all the same. */
const LONGEST_BURST = 2000;

export interface Watch {
  /**
   * Settles when something has happened since the last call and is over, at the latest after `atMost` milliseconds, and at once when
   * the watch is closed.
   */
  changed(atMost: number): Promise<void>;
  /** No more events come: the system has none left to give. Undefined as long as they do. */
  readonly blindness: string | undefined;
  close(): void;
}

/** @param root absolute. @param patterns of what is not watched */
export function watchProject(root: string, patterns: readonly string[]): Watch {
  const rules = compileIgnores(patterns);
  let blindness: string | undefined;
  let isClosed = false;
  let hasHappened = false;
  let wake = () => {};
  const happen = () => {
    hasHappened = true;
    wake();
  };
  const goBlind = (error: unknown) => {
    blindness ??= (error as NodeJS.ErrnoException).code ?? String(error);
  };
  /** Settles at the next event, or after that time. */
  const next = (ms: number) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(root, { recursive: true, ignore: path => isIgnored(root, path, rules) }, happen);
    watcher.on('error', goBlind);
  } catch (error) {
    goBlind(error);
  }
  return {
    async changed(atMost) {
      if (!hasHappened && !isClosed) await next(atMost);
      const end = performance.now() + LONGEST_BURST;
      while (hasHappened && !isClosed && performance.now() < end) {
        hasHappened = false;
        await next(QUIET);
      }
    },
    get blindness() {
      return blindness;
    },
    close() {
      isClosed = true;
      watcher?.close();
      wake();
    },
  };
}

function isIgnored(root: string, path: string, rules: IgnoreRules): boolean {
  if (rules.ignores(path, false)) return true;
  if (!rules.ignores(path, true)) return false;
  return lstatSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true;
}
