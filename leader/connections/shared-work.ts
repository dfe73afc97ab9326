/** Work that several wait for: done once, given up when nobody waits any more. */
import { AwError } from '../../contract/errors.ts';

export interface SharedWork<T> {
  /**
   * Settles as the work does. An abort gives up only this caller's wait; the last one to give up aborts the work.
   * @throws AW_HOST_UNREACHABLE when given up
   */
  join(signal?: AbortSignal): Promise<T>;
  /** Nobody wanted it any more: who comes now must begin anew. */
  readonly isGivenUp: boolean;
  giveUp(): void;
  /** Resolves, always, when the work has settled. */
  readonly settled: Promise<void>;
}

export function shareWork<T>(work: (signal: AbortSignal) => Promise<T>): SharedWork<T> {
  const controller = new AbortController();
  const result = work(controller.signal);
  let waiting = 0;
  return {
    async join(signal) {
      waiting++;
      try {
        return await unlessAborted(result, signal);
      } finally {
        if (--waiting === 0) controller.abort();
      }
    },
    get isGivenUp() {
      return controller.signal.aborted;
    },
    giveUp: () => controller.abort(),
    settled: result.then(
      () => {},
      () => {},
    ),
  };
}

/** @throws AW_HOST_UNREACHABLE when `signal` aborts before the work has settled. */
export function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((fulfil, reject) => {
    const giveUp = () => reject(new AwError('AW_HOST_UNREACHABLE', { reason: 'given up' }));
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    const listenNoMore = () => signal.removeEventListener('abort', giveUp);
    work.then(fulfil, reject).then(listenNoMore);
  });
}
