/** Whose fault it is that a stream broke: its source's, or that of whoever had its chunks. */

export interface Blame<T> {
  source: AsyncIterable<T>;
  /** What the source itself has thrown. That its reader has failed is thrown into it, which is something else. */
  failure(): unknown;
}

export function blame<T>(chunks: Iterable<T> | AsyncIterable<T>): Blame<T> {
  let failure: unknown;
  const watched = async function* () {
    const source =
      Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
    const next = async () => {
      try {
        return await source.next();
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    try {
      for (let taken = await next(); taken.done !== true; taken = await next()) yield taken.value;
    } finally {
      await source.return?.();
    }
  };
  return { source: watched(), failure: () => failure };
}
