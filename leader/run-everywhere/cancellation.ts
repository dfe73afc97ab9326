/** The wish to end a run, as the hosts' state machines see it. It only ever gets stronger. */

export type CancelLevel = 'interrupt' | 'kill';

export interface Cancellation {
  readonly level: CancelLevel | undefined;
  /** Aborted by the first wish: for what has not begun yet. */
  readonly begun: AbortSignal;
  request(level: CancelLevel): void;
  /** Calls back for the wish there is and every stronger one. Returns the end of that. */
  watch(listener: (level: CancelLevel) => void): () => void;
}

export function createCancellation(): Cancellation {
  const controller = new AbortController();
  const listeners = new Set<(level: CancelLevel) => void>();
  let current: CancelLevel | undefined;
  return {
    get level() {
      return current;
    },
    begun: controller.signal,
    request(level) {
      if (current === 'kill' || current === level) return;
      current = level;
      controller.abort();
      for (const listener of [...listeners]) listener(level);
    },
    watch(listener) {
      listeners.add(listener);
      if (current !== undefined) listener(current);
      return () => listeners.delete(listener);
    },
  };
}
