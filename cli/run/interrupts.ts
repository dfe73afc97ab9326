/** Ctrl-C and SIGTERM as steps: each one more asks for more. */

export interface Interrupts {
  /** Calls `step` with 1, 2, 3... for each signal, also for those that came before. */
  listen(step: (count: number) => void): void;
  /** Gives the signals back to the platform. */
  dispose(): void;
}

/**
 * A second SIGINT within this many milliseconds is the same key press: the terminal signals every process it shows,
 * and a parent such as npx hands its own on.
 */
const BOUNCE_MS = 50;

/** From now on signals are counted, not deadly. `source` is the process. */
export function watchInterrupts(
  source: Pick<NodeJS.Process, 'on' | 'off'> = process,
  now: () => number = () => performance.now(),
): Interrupts {
  let count = 0;
  let pressedAt = -Infinity;
  let listener: ((count: number) => void) | undefined;
  const onTerminate = () => {
    count += 1;
    listener?.(count);
  };
  const onInterrupt = () => {
    const at = now();
    if (at - pressedAt < BOUNCE_MS) return;
    pressedAt = at;
    onTerminate();
  };
  source.on('SIGINT', onInterrupt);
  source.on('SIGTERM', onTerminate);
  return {
    listen(step) {
      listener = step;
      for (let earlier = 1; earlier <= count; earlier++) step(earlier);
    },
    dispose() {
      source.off('SIGINT', onInterrupt);
      source.off('SIGTERM', onTerminate);
    },
  };
}
