import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CUT_GRACE, STALL_TIMEOUT } from '../limits.ts';
import type { Store, StoredEvent } from '../store/index.ts';
import { Batch } from './batch.ts';
import { drained } from './drain.ts';
import { EventStream } from './event-stream.ts';
import { ndjson } from './format.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A response whose client takes what it was sent only at `take()`. */
class Slow extends EventEmitter {
  destroyed = false;
  writableEnded = false;
  writableNeedDrain = false;
  writableLength = 0;
  text = '';
  #callbacks: (() => void)[] = [];
  write(chunk: Buffer | string, callback = () => {}): void {
    this.text += chunk;
    this.writableLength += chunk.length;
    this.writableNeedDrain = true;
    this.#callbacks.push(callback);
  }
  end(chunk: string): void {
    this.write(chunk);
    this.writableEnded = true;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
  take(): void {
    this.writableLength = 0;
    this.writableNeedDrain = false;
    for (const callback of this.#callbacks.splice(0)) callback();
    this.emit('drain');
  }
}

const asResponse = (slow: Slow) => slow as unknown as ServerResponse;
const events = (from: number, count: number): StoredEvent[] =>
  Array.from({ length: count }, (_, index) => ({ id: from + index, json: `${from + index}` }));

/** A store whose sessions have `last()` events, ten a page. */
function storeOf(last: () => number) {
  const readEvents = vi.fn<Store['readEvents']>(async (_, { after, upTo }) =>
    events(after + 1, Math.max(0, Math.min(10, upTo - after, last() - after))),
  );
  return { store: { readEvents } as unknown as Store, readEvents };
}

function streamOf(last: () => number, upTo?: number) {
  const slow = new Slow();
  const { store, readEvents } = storeOf(last);
  const response = asResponse(slow);
  const stream = new EventStream({ response, store, sessionId: 's', format: ndjson, after: 0, upTo });
  return { slow, stream, readEvents };
}

const turn = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)));
const lines = (to: number) => events(1, to).map(({ json }) => `${json}\n`);

test('the next page is read only when the client took the one before', async () => {
  const { slow, stream, readEvents } = streamOf(() => 1_000_000);
  void stream.read();
  for (let page = 1; page <= 5; page++) {
    for (let i = 0; i < 3; i++) await turn();
    expect(readEvents).toHaveBeenCalledTimes(page);
    slow.take();
  }
  slow.destroy();
});

test('what is published while pages are read is read, and sent once', async () => {
  let last = 15;
  const { slow, stream } = streamOf(() => last);
  const reading = stream.read();
  stream.push(new Batch(events(16, 5)));
  last = 20;
  for (let i = 0; i < 5; i++) {
    await turn();
    slow.take();
  }
  await reading;
  stream.push(new Batch(events(16, 5)));
  stream.push(new Batch(events(21, 1)));
  expect(slow.text).toBe(lines(21).join(''));
});

test('a publication between the last, empty page and going live is not lost', async () => {
  let last = 0;
  const slow = new Slow();
  const readEvents: Store['readEvents'] = async (_, { after }) => {
    const page = events(after + 1, last - after);
    if (last === 0) {
      last = 1;
      stream.push(new Batch(events(1, 1)));
    }
    return page;
  };
  const store = { readEvents } as unknown as Store;
  const plan = {
    response: asResponse(slow),
    store,
    sessionId: 's',
    format: ndjson,
    after: 0,
    upTo: undefined,
  };
  const stream: EventStream = new EventStream(plan);
  const reading = stream.read();
  for (let i = 0; i < 3; i++) {
    await turn();
    slow.take();
  }
  await reading;
  expect(slow.text).toBe('1\n');
});

test('publications that come out of order are put right from the table', async () => {
  let last = 0;
  const { slow, stream } = streamOf(() => last);
  await stream.read();
  last = 4;
  stream.push(new Batch(events(3, 2)));
  stream.push(new Batch(events(1, 2)));
  for (let i = 0; i < 3; i++) {
    await turn();
    slow.take();
  }
  stream.push(new Batch(events(5, 1)));
  expect(slow.text).toBe(lines(5).join(''));
});

test('a live client may have so many events unsent and no more', async () => {
  const { slow, stream } = streamOf(() => 0);
  await stream.read();
  for (let id = 1; id <= 1000; id++) stream.push(new Batch(events(id, 1)));
  expect(slow.writableEnded).toBe(false);
  stream.push(new Batch(events(1001, 1)));
  expect(slow.writableEnded).toBe(true);
  expect(slow.text).toBe(lines(1000).join(''));
  vi.advanceTimersByTime(CUT_GRACE - 1);
  expect(slow.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(slow.destroyed).toBe(true);
});

test('a client that takes nothing of what is stored is cut off in the end', async () => {
  const { slow, stream } = streamOf(() => 1_000_000);
  const reading = stream.read();
  await turn();
  await turn();
  vi.advanceTimersByTime(STALL_TIMEOUT - 1);
  await turn();
  expect(slow.writableEnded).toBe(false);
  vi.advanceTimersByTime(1);
  await reading;
  expect(slow.writableEnded).toBe(true);
  slow.destroy();
  expect(vi.getTimerCount()).toBe(0);
});

test('a client that leaves while it is waited for is not waited for any longer', async () => {
  const slow = new Slow();
  slow.write('x');
  const waiting = drained(asResponse(slow), STALL_TIMEOUT);
  slow.destroy();
  expect(await waiting).toBe(false);
  expect(await drained(asResponse(slow), STALL_TIMEOUT)).toBe(false);
  expect([slow.listenerCount('drain'), slow.listenerCount('close'), vi.getTimerCount()]).toEqual([0, 0, 0]);
});

test('no heartbeat is added to what a client has not taken', async () => {
  const { slow, stream } = streamOf(() => 0);
  await stream.read();
  stream.heartbeat();
  stream.heartbeat();
  expect(slow.text).toBe('\n');
  slow.take();
  stream.heartbeat();
  expect(slow.text).toBe('\n\n');
  stream.end('shutdown');
  slow.take();
  stream.heartbeat();
  expect(slow.text).toBe('\n\n');
  slow.destroy();
});
