/**
 * Many producers, one consumer that pulls. Items come out in the order they went in; each lane may be a bounded way ahead
 * of the consumer and is then made to wait, so a lane that produces much, or nothing, never delays another.
 */

export interface Lane<T> {
  /** Undefined: go on. A promise: this lane is far enough ahead, go on when it resolves. */
  push(item: T, size: number): Promise<void> | undefined;
}

export interface Merge<T> {
  lane(): Lane<T>;
  /** No more items: the consumer gets what is there, then the end. */
  end(): void;
  /** For one consumer. */
  readonly items: AsyncIterable<T>;
}

interface Held<T> {
  item: T;
  size: number;
  lane: { held: number; resume: (() => void) | undefined; wait: Promise<void> | undefined };
}

/**
 * @param laneLimit how much a lane may be ahead, in the unit of `size`
 * @param onAbandon called once when the consumer stops early; whatever is pushed from then on is dropped
 */
export function createMerge<T>(laneLimit: number, onAbandon: () => void): Merge<T> {
  /** What is before `head` was taken; nothing is kept there, an item can be large. */
  let queue: (Held<T> | undefined)[] = [];
  let head = 0;
  let ended = false;
  let abandoned = false;
  let waiting: (() => void) | undefined;

  const release = ({ lane, size }: Held<T>) => {
    lane.held -= size;
    if (lane.held < laneLimit && lane.resume !== undefined) {
      lane.resume();
      lane.resume = undefined;
      lane.wait = undefined;
    }
  };
  const take = (): Held<T> | undefined => {
    const held = queue[head];
    if (held === undefined) return undefined;
    queue[head] = undefined;
    head++;
    if (head === queue.length || head > 4096) {
      queue = queue.slice(head);
      head = 0;
    }
    return held;
  };
  const wake = () => {
    waiting?.();
    waiting = undefined;
  };

  const iterator: AsyncIterator<T> = {
    async next() {
      for (;;) {
        const held = take();
        if (held !== undefined) {
          release(held);
          return { done: false, value: held.item };
        }
        if (ended) return { done: true, value: undefined };
        await new Promise<void>(fulfil => {
          waiting = fulfil;
        });
      }
    },
    async return() {
      if (!ended && !abandoned) {
        abandoned = true;
        for (let held = take(); held !== undefined; held = take()) release(held);
        onAbandon();
      }
      ended = true;
      wake();
      return { done: true, value: undefined };
    },
  };

  return {
    lane() {
      const lane: Held<T>['lane'] = { held: 0, resume: undefined, wait: undefined };
      return {
        push(item, size) {
          if (abandoned) return undefined;
          queue.push({ item, size, lane });
          lane.held += size;
          wake();
          if (lane.held < laneLimit) return undefined;
          lane.wait ??= new Promise<void>(fulfil => {
            lane.resume = fulfil;
          });
          return lane.wait;
        },
      };
    },
    end() {
      ended = true;
      wake();
    },
    items: { [Symbol.asyncIterator]: () => iterator },
  };
}
