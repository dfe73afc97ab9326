/** How many may be at something at one time. */

export interface Slots {
  /** Resolves in the order of the calls, with the function that gives the slot back; undefined once `signal` aborts. */
  take(signal: AbortSignal): Promise<(() => void) | undefined>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting = new Set<() => void>();
  const giveBack = () => {
    free++;
    const [next] = waiting;
    next?.();
  };
  return {
    async take(signal) {
      while (free === 0 && !signal.aborted) {
        await new Promise<void>(fulfil => {
          const wake = () => {
            waiting.delete(wake);
            signal.removeEventListener('abort', wake);
            fulfil();
          };
          waiting.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
      }
      if (signal.aborted) return undefined;
      free--;
      let held = true;
      return () => {
        if (held) giveBack();
        held = false;
      };
    },
  };
}
