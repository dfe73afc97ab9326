/** One deadline for all steps of getting somewhere. */
import { AwError } from '../../contract/errors.ts';
import type { TransportContext } from './types.ts';

export interface Limit {
  /** What is waited for from now on, said when the time is up: "NAME says nothing". */
  waitFor(what: () => string): void;
  /** Settles as `work` does, or rejects AW_HOST_UNREACHABLE when the time is up or the attempt given up. */
  race<T>(work: Promise<T>): Promise<T>;
  /** The owner calls it when all steps are done. */
  done(): void;
}

export function startLimit({ timeoutMs, signal }: TransportContext, first: string): Limit {
  let waitsFor = () => first;
  const { promise: passed, reject } = Promise.withResolvers<never>();
  passed.catch(() => {});
  const fail = (reason: string) => reject(new AwError('AW_HOST_UNREACHABLE', { reason }));
  const timer = setTimeout(() => fail(`${waitsFor()} (waited ${timeoutMs / 1000} s)`), timeoutMs);
  const onAbort = () => fail('given up');
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return {
    waitFor: what => {
      waitsFor = what;
    },
    race: work => Promise.race([work, passed]),
    done: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}
