/** Fences a project again and again: when something changes in it, and now and then, because a follower may change by itself. */
import { type AwError, asAwError } from '../../contract/errors.ts';
import { ignorePatterns } from '../../leader/fence/ignore-file.ts';
import { findProject } from '../../leader/index.ts';
import type { FenceAnswer } from '../../leader/orders/fence.ts';
import { watchProject } from '../../leader/watching/watch.ts';
import type { Io } from '../terminal/io.ts';

export interface Told {
  /** Only what is new: a fence that did something, or that ended differently from the one before. */
  show(answer: FenceAnswer): void;
  /** The project could not be read: the next fence may find it well. */
  fail(error: AwError): void;
  note(text: string): void;
}

/**
 * Until nobody reads what it says. Resolves to what the last fence said.
 * @param atLatest milliseconds without any hint after which it looks all the same
 * @throws what the first fence throws
 */
export async function keepEqual(
  { cwd, stdoutClosed }: Pick<Io, 'cwd' | 'stdoutClosed'>,
  atLatest: number,
  fence: () => Promise<FenceAnswer>,
  { show, fail, note }: Told,
): Promise<FenceAnswer> {
  const project = findProject(cwd);
  // Before the first look, so that nothing falls between.
  const watch = watchProject(project, ignorePatterns(project));
  stdoutClosed.addEventListener('abort', watch.close);
  try {
    let last = await fence();
    let told = outcomeOf(last);
    show(last);
    note(
      watch.blindness === undefined
        ? `watching ${project}; Ctrl-C ends it`
        : `${project} cannot be watched (${watch.blindness}): looking every ${atLatest / 1000} s; Ctrl-C ends it`,
    );
    for (;;) {
      await watch.changed(atLatest);
      if (stdoutClosed.aborted) return last;
      try {
        last = await fence();
        const outcome = outcomeOf(last);
        if (outcome !== told || last.hosts.some(({ changes }) => changes > 0)) show(last);
        told = outcome;
      } catch (thrown) {
        const error = asAwError(thrown);
        if (told !== error.code) fail(error);
        told = error.code;
      }
    }
  } finally {
    watch.close();
  }
}

function outcomeOf({ hosts }: FenceAnswer): string {
  return hosts.map(({ host, state, error }) => `${host} ${state} ${error?.code ?? ''}`).join('\n');
}
