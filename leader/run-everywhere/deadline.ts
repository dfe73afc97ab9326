/** Deadlines for a peer that must not count the time this side makes it wait. */

/** When a host last had something to say, and whether it is kept waiting. */
export interface Activity {
  touch(): void;
  /** While `work` runs, silence is not the host's. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Milliseconds of silence; 0 while it is kept waiting. */
  silence(): number;
}

export function createActivity(): Activity {
  let last = performance.now();
  let waiting = 0;
  const touch = () => {
    last = performance.now();
  };
  return {
    touch,
    async during(work) {
      waiting++;
      try {
        return await work;
      } finally {
        waiting--;
        touch();
      }
    },
    silence: () => (waiting > 0 ? 0 : performance.now() - last),
  };
}

/**
 * Calls `fire` after `ms`, but not before the host has been silent for `quiet`.
 * @returns ends the deadline
 */
export function setDeadline(activity: Activity, ms: number, quiet: number, fire: () => void): () => void {
  // setTimeout takes a longer delay for 1 ms.
  const longest = 2 ** 31 - 1;
  const at = performance.now() + ms;
  const check = () => {
    const left = Math.max(at - performance.now(), quiet - activity.silence());
    if (left <= 0) fire();
    else timer = setTimeout(check, Math.min(left + 1, longest));
  };
  let timer = setTimeout(check, Math.min(ms, longest));
  return () => clearTimeout(timer);
}
