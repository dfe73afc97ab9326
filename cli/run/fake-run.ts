/** For tests: a run whose events are given one by one. */
import type { Event } from '../../contract/events.ts';
import type { LedOutcome, LedRun } from '../../leader/orders/types.ts';

export interface FakeRun extends LedRun {
  emit(...events: Event[]): void;
  end(exitCode: number): void;
  /** Waits until somebody asks for an event that is not there yet. */
  idle(): Promise<void>;
  /** How many events were taken. */
  taken(): number;
  cancelled: string[];
}

export function fakeRun(names: readonly string[]): FakeRun {
  const queue: Event[] = [];
  const outcome = Promise.withResolvers<LedOutcome>();
  const cancelled: string[] = [];
  let taken = 0;
  let isEnded = false;
  let wake = Promise.withResolvers<void>();
  let asked = Promise.withResolvers<void>();

  const events: AsyncIterableIterator<Event> = {
    [Symbol.asyncIterator]: () => events,
    async next() {
      for (;;) {
        const event = queue.shift();
        if (event !== undefined) {
          taken += 1;
          return { done: false, value: event };
        }
        if (isEnded) return { done: true, value: undefined };
        asked.resolve();
        await wake.promise;
      }
    },
    async return() {
      if (!isEnded) end(4);
      return { done: true, value: undefined };
    },
  };

  function end(exitCode: number): void {
    isEnded = true;
    outcome.resolve({ exitCode, hosts: {} });
    signal();
  }

  function signal(): void {
    asked = Promise.withResolvers();
    const last = wake;
    wake = Promise.withResolvers();
    last.resolve();
  }

  return {
    runId: 'r1',
    command: 'npm test',
    hosts: names.map(name => ({ name })),
    events,
    outcome: outcome.promise,
    cancelled,
    cancel: how => cancelled.push(how),
    emit(...more) {
      queue.push(...more);
      signal();
    },
    end,
    idle: () => asked.promise,
    taken: () => taken,
  };
}
