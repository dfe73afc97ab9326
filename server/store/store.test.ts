/** What every store has to keep. */
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { eventIdentity } from '../../contract/events.ts';
import { PAGE_BYTES } from '../limits.ts';
import { log, logs, numbers } from '../test-support/events.ts';
import { type NewEvent, openSqliteStore, type Store } from './index.ts';

async function storeWith(...ids: string[]): Promise<Store> {
  const store = openSqliteStore(':memory:');
  onTestFinished(() => store.close());
  for (const id of ids) await store.createSession({ id }, 0);
  return store;
}

const asNew = (events: object[]) =>
  events.map(event => ({ event, json: JSON.stringify(event) })) as NewEvent[];
const everything = { after: 0, upTo: Number.MAX_SAFE_INTEGER };

test('whatever is sent, again and interleaved, each identity is stored once, in the order it first came', async () => {
  const event = fc.record({
    host: fc.constantFrom('a', 'b'),
    epoch: fc.constantFrom('1', '2'),
    seq: fc.nat(9),
  });
  const batch = fc.tuple(fc.constantFrom('s', 't'), fc.array(event, { maxLength: 12 }));
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 12 }), async batches => {
      const store = openSqliteStore(':memory:');
      const model = { s: [] as string[], t: [] as string[] };
      const seen = new Set<string>();
      try {
        for (const id of ['s', 't']) await store.createSession({ id }, 0);
        for (const [session, list] of batches) {
          const stored = model[session as 's' | 't'];
          const before = stored.length;
          const events = asNew(list.map(({ seq, ...more }) => log(seq, 'x', more)));
          for (const { event, json } of events) {
            const identity = JSON.stringify([session, eventIdentity(event)]);
            if (!seen.has(identity)) stored.push(json);
            seen.add(identity);
          }
          const appended = await store.append(session, events, 1);
          expect(appended).toEqual({
            stored: stored.slice(before).map((json, index) => ({ id: before + index + 1, json })),
            duplicates: events.length - (stored.length - before),
            lastEventId: stored.length,
          });
        }
        for (const id of ['s', 't'] as const) {
          const events = await store.readEvents(id, everything);
          expect(events).toEqual(model[id].map((json, index) => ({ id: index + 1, json })));
          expect((await store.getSession(id))?.lastEventId).toBe(model[id].length);
        }
      } finally {
        await store.close();
      }
    }),
  );
});

test('a batch that fails leaves nothing behind', async () => {
  const store = await storeWith('s');
  const bad = { ...log(1), message: 'x' };
  const events = [...asNew([log(0), bad]), { event: log(2), json: Symbol('not text') as unknown as string }];
  await expect(store.append('s', events, 5)).rejects.toThrow();
  expect(await store.readEvents('s', everything)).toEqual([]);
  expect(await store.getSession('s')).toMatchObject({ lastEventId: 0, updatedAt: new Date(0).toISOString() });
  expect(await store.append('s', asNew([log(0)]), 5)).toMatchObject({ lastEventId: 1, duplicates: 0 });
});

test('events are read in pages of bounded size, from any id to any other', async () => {
  const store = await storeWith('s', 't');
  const message = 'x'.repeat(PAGE_BYTES / 4);
  await store.append('s', asNew(numbers(0, 19).map(seq => log(seq, message))), 1);
  await store.append('t', asNew(logs(0, 5)), 1);
  const page = await store.readEvents('s', everything);
  expect(page.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  const ids = async (after: number, upTo: number) =>
    (await store.readEvents('s', { after, upTo })).map(({ id }) => id);
  expect(await ids(17, 19)).toEqual([18, 19]);
  expect(await ids(20, 99)).toEqual([]);
  const huge = await store.append('s', asNew([log(20, 'x'.repeat(3 * PAGE_BYTES))]), 1);
  expect(await ids(20, 99)).toEqual([huge?.lastEventId]);
});

test('a session that is not there has nothing and takes nothing', async () => {
  const store = await storeWith();
  expect(await store.getSession('s')).toBeUndefined();
  expect(await store.append('s', asNew([log(0)]), 1)).toBeUndefined();
  expect(await store.readEvents('s', everything)).toEqual([]);
  expect(await store.readLogs('s', {}, { after: 0, upTo: 9 })).toEqual({ logs: [], next: 9 });
});

test('tokens that have expired are gone', async () => {
  const store = await storeWith('s');
  const grant = { sessionId: 's', host: 'a' };
  await store.addToken('hash', grant, 10, 1);
  expect(await store.findToken('hash', 9)).toEqual(grant);
  expect(await store.findToken('hash', 10)).toBeUndefined();
  expect(await store.findToken('other', 1)).toBeUndefined();
  await store.addToken('later', grant, 20, 10);
  expect(await store.findToken('hash', 1)).toBeUndefined();
});
