/** What a command has written and nobody has taken yet, of both streams in one order, bounded. */

/** Bytes that may wait; then the streams are made to wait. */
const ROOM = 256 * 1024;

export interface Written {
  stream: 'stdout' | 'stderr';
  bytes: Buffer;
}

export interface Output {
  push(written: Written): void;
  /** Nothing more comes. */
  close(): void;
  /** Ends after the last that was pushed; one reader. */
  read(): AsyncGenerator<Written>;
}

/** @param regulate called with true when the streams must pause, with false when they may go on */
export function createOutput(regulate: (isFull: boolean) => void): Output {
  const queue: Written[] = [];
  let waiting = 0;
  let isFull = false;
  let isClosed = false;
  let news = Promise.withResolvers<void>();
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers();
  };
  const count = (change: number) => {
    waiting += change;
    if (waiting > ROOM === isFull) return;
    isFull = !isFull;
    regulate(isFull);
  };
  return {
    push(written) {
      if (isClosed) return;
      queue.push(written);
      count(written.bytes.length);
      tell();
    },
    close() {
      isClosed = true;
      tell();
    },
    async *read() {
      for (;;) {
        const next = queue.shift();
        if (next !== undefined) {
          count(-next.bytes.length);
          yield next;
        } else if (isClosed) {
          return;
        } else {
          await news.promise;
        }
      }
    },
  };
}
