/** One thing that is dear to open, for as many as want it at one time. */
import type { Limit } from '../limit.ts';

export interface Shareable {
  /** Resolves when it cannot be used any more. */
  readonly over: Promise<unknown>;
  close(): void;
}

export interface Opening<T> {
  /** Must settle, and soon once it is given up. */
  value: Promise<T>;
  /** What is waited for. */
  waitsFor(): string;
}

/** Of the thing under this key: what is there and not over, else what `open` makes. Its failure is that of all who wait. */
export interface Shared<T extends Shareable> {
  /**
   * What `use` makes of it, which holds it until it is over itself. Tried again when a thing that was there turned out to
   * have broken.
   * @throws what `open` and `use` throw, and what `limit` says
   */
  through<R extends Shareable>(
    key: string,
    limit: Limit,
    open: (givenUp: AbortSignal) => Opening<T>,
    use: (value: T) => Promise<R>,
  ): Promise<R>;
}

/** Milliseconds from the last user's end, so that who comes back at once finds it open. */
const LINGER = 200;

interface Entry<T> extends Opening<T> {
  users: number;
  hasBroken: boolean;
  givenUp: AbortController;
  closing?: NodeJS.Timeout;
}

export function createShared<T extends Shareable>(): Shared<T> {
  const entries = new Map<string, Entry<T>>();

  const create = (key: string, open: (givenUp: AbortSignal) => Opening<T>): Entry<T> => {
    const givenUp = new AbortController();
    const entry: Entry<T> = { ...open(givenUp.signal), users: 0, hasBroken: false, givenUp };
    entries.set(key, entry);
    const forget = () => {
      if (entries.get(key) === entry) entries.delete(key);
    };
    const breaks = () => {
      entry.hasBroken = true;
      forget();
    };
    entry.value.then(value => value.over.then(breaks), forget);
    givenUp.signal.addEventListener('abort', () => {
      forget();
      entry.value.then(
        value => value.close(),
        () => {},
      );
    });
    return entry;
  };

  const release = (entry: Entry<T>) => {
    if (--entry.users === 0) entry.closing = setTimeout(() => entry.givenUp.abort(), LINGER);
  };

  return {
    async through(key, limit, open, use) {
      for (;;) {
        const known = entries.get(key);
        const entry = known ?? create(key, open);
        clearTimeout(entry.closing);
        entry.users++;
        limit.waitFor(entry.waitsFor);
        try {
          const made = await use(await limit.race(entry.value));
          void made.over.then(() => release(entry));
          return made;
        } catch (error) {
          release(entry);
          if (known === undefined || !entry.hasBroken || limit.passed.aborted) throw error;
        }
      }
    },
  };
}
