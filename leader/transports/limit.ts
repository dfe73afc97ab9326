/** One deadline for all steps of getting somewhere. */
import { AwError } from '../../contract/errors.ts';
import type { TransportContext } from './types.ts';

export interface Limit {
  /** What is waited for from now on, said when the time is up: "NAME says nothing". */
  waitFor(what: () => string): void;
  /** That, in words. */
  waitsFor(): string;
  /** Settles as `work` does, or rejects AW_HOST_UNREACHABLE when the time is up or the attempt given up. */
  race<T>(work: Promise<T>): Promise<T>;
  /** As `race`, but the time that it takes does not count: a person is asked. */
  patiently<T>(work: Promise<T>): Promise<T>;
  /** Aborts when the time is up or the attempt given up. */
  readonly passed: AbortSignal;
  /** The owner calls it when all steps are done. */
  done(): void;
}

export function startLimit({ timeoutMs, signal }: TransportContext, first: string): Limit {
  let waitsFor = () => first;
  const { promise: passed, reject } = Promise.withResolvers<never>();
  passed.catch(() => {});
  const controller = new AbortController();
  const fail = (reason: string) => {
    reject(new AwError('AW_HOST_UNREACHABLE', { reason }));
    controller.abort();
  };
  const race: Limit['race'] = work => Promise.race([work, passed]);
  let isDone = false;
  let left = timeoutMs;
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  let pauses = 0;
  const resume = () => {
    since = performance.now();
    timer = setTimeout(() => fail(`${waitsFor()} (waited ${timeoutMs / 1000} s)`), left);
  };
  const pause = () => {
    clearTimeout(timer);
    left = Math.max(0, left - (performance.now() - since));
  };
  resume();
  const onAbort = () => fail('given up');
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return {
    waitFor: what => {
      waitsFor = what;
    },
    waitsFor: () => waitsFor(),
    passed: controller.signal,
    race,
    patiently: async work => {
      if (pauses++ === 0) pause();
      try {
        return await race(work);
      } finally {
        if (--pauses === 0 && !isDone) resume();
      }
    },
    done: () => {
      isDone = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}
