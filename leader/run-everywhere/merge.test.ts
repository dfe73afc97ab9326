import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMerge } from './merge.ts';

const soon = () => new Promise(fulfil => setImmediate(fulfil));

test('every item comes out once, each lane in order, and no lane is ever further ahead than its limit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 30 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
      async (lanes, limit, pauses) => {
        const merge = createMerge<{ lane: number; n: number; size: number }>(limit, () => {});
        const ahead = lanes.map(() => 0);
        const producers = lanes.map(async (sizes, lane) => {
          const { push } = merge.lane();
          for (const [n, size] of sizes.entries()) {
            // At most the limit, the item that reached it, and the one that is just being handed over.
            expect(ahead[lane]).toBeLessThan(limit + 8);
            ahead[lane]! += size;
            await push({ lane, n, size }, size);
          }
        });
        const produced = Promise.all(producers).finally(merge.end);
        const seen = lanes.map(() => 0);
        let count = 0;
        for await (const { lane, n, size } of merge.items) {
          expect(n).toBe(seen[lane]!++);
          ahead[lane]! -= size;
          if (pauses[count++ % pauses.length]) await soon();
        }
        await produced;
        expect(seen).toEqual(lanes.map(sizes => sizes.length));
      },
    ),
    { numRuns: 200 },
  );
});

test('without a consumer a lane stops at its limit, and a full lane does not stop another', async () => {
  const merge = createMerge<string>(3, () => {});
  let pushed = 0;
  const fast = merge.lane();
  void (async () => {
    while (pushed < 10) {
      pushed++;
      await fast.push(`fast ${pushed}`, 1);
    }
  })();
  await soon();
  expect(pushed).toBe(3);
  expect(merge.lane().push('slow', 1)).toBeUndefined();
  const iterator = merge.items[Symbol.asyncIterator]();
  const taken = [];
  for (let i = 0; i < 4; i++) taken.push((await iterator.next()).value);
  expect(taken).toEqual(['fast 1', 'fast 2', 'fast 3', 'slow']);
  await iterator.return!();
});

test('a consumer that stops early lets everybody go on into nothing, once', async () => {
  let abandoned = 0;
  const merge = createMerge<number>(2, () => abandoned++);
  const lane = merge.lane();
  lane.push(1, 1);
  const blocked = lane.push(2, 1);
  expect(blocked).toBeInstanceOf(Promise);
  for await (const item of merge.items) {
    expect(item).toBe(1);
    break;
  }
  await blocked;
  expect(lane.push(3, 100)).toBeUndefined();
  merge.end();
  expect(abandoned).toBe(1);
  expect(await merge.items[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
});

test('a consumer that waits is woken by an item and by the end', async () => {
  const merge = createMerge<number>(2, () => {});
  const iterator = merge.items[Symbol.asyncIterator]();
  const first = iterator.next();
  await soon();
  merge.lane().push(7, 1);
  expect(await first).toEqual({ done: false, value: 7 });
  const second = iterator.next();
  merge.end();
  expect((await second).done).toBe(true);
});

test('what was taken is let go of, also while more is waiting: a slow consumer holds no more than a fast one', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const merge = createMerge<object>(1_000_000, () => {});
  const { push } = merge.lane();
  const taken: WeakRef<object>[] = [];
  const iterator = merge.items[Symbol.asyncIterator]();
  for (let n = 0; n < 100; n++) push({ n }, 1);
  for (let n = 0; n < 90; n++) taken.push(new WeakRef((await iterator.next()).value));
  await soon();
  collect();
  expect(taken.filter(item => item.deref() !== undefined).length).toBeLessThan(5);
  expect((await iterator.next()).value).toEqual({ n: 90 });
  await iterator.return!();
});
