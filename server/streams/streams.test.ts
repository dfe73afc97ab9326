import { connect, type Socket } from 'node:net';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { expect, onTestFinished, test } from 'vitest';
import { log, logs, numbers } from '../test-support/events.ts';
import { type TestService, testService } from '../test-support/service.ts';
import { openStream, readAll } from '../test-support/sse.ts';

const path = '/sessions/s/events';

async function withSession(options = {}): Promise<TestService> {
  const service = await testService(options);
  await service.createSession('s');
  return service;
}

/** A client that reads nothing until it is told to. */
async function pausedClient(service: TestService, from = 0): Promise<Socket> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname).pause();
  onTestFinished(() => void socket.destroy());
  socket.write(
    `GET /api/v1${path}?lastEventId=${from} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  );
  await new Promise(resolve => socket.once('readable', resolve));
  return socket;
}

/** What a paused client was sent, up to the end of its connection. */
async function rest(socket: Socket): Promise<EventSourceMessage[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: message => messages.push(message) });
  parser.feed(unchunked(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)).toString());
  return messages;
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

test('a stream begins with hello, gives ids but no event names, and ends on request', async () => {
  const service = await withSession({ heartbeatMs: 4321 });
  await service.ingest('s', logs(0, 3));
  const stream = await readAll(service, 's', 1);
  expect(stream.response.headers.get('content-type')).toContain('text/event-stream');
  expect(stream.response.headers.get('cache-control')).toBe('no-cache, no-transform');
  const [hello, ...others] = stream.messages;
  expect(hello).toMatchObject({ event: 'hello', data: '{"heartbeatMs":4321,"lastEventId":1}' });
  expect(hello?.id).toBeUndefined();
  expect(others.map(({ event, id }) => ({ event, id }))).toEqual([
    { event: undefined, id: '2' },
    { event: undefined, id: '3' },
    { event: 'end', id: undefined },
  ]);
  expect(stream.own('end')).toEqual([{ reason: 'complete' }]);
});

test('NDJSON has the events alone', async () => {
  const service = await withSession();
  await service.ingest('s', logs(0, 3));
  const headers = { accept: 'application/x-ndjson' };
  const answer = await service.call(`${path}?follow=0&lastEventId=1`, { headers });
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
  expect(await answer.text()).toBe(`${JSON.stringify(log(1))}\n${JSON.stringify(log(2))}\n`);
});

test('the header says where to resume, before the query does', async () => {
  const service = await withSession();
  await service.ingest('s', logs(0, 5));
  const at = async (lastEventId: string) => {
    const headers = { 'last-event-id': lastEventId };
    const stream = await openStream(service, `${path}?follow=0&lastEventId=1`, { headers });
    await stream.until(() => false);
    return stream.ids();
  };
  expect(await at('3')).toEqual([4, 5]);
  expect(await at('')).toEqual([2, 3, 4, 5]);
});

test('an id that is not known yet is answered with everything, and hello says so', async () => {
  const service = await withSession();
  await service.ingest('s', logs(0, 2));
  const stream = await readAll(service, 's', 99);
  expect(stream.own('hello')).toMatchObject([{ lastEventId: 0 }]);
  expect(stream.ids()).toEqual([1, 2]);
});

test.each(['-1', '1.5', 'abc', '1e3', '9'.repeat(16)])('the id %s is refused', async id => {
  const service = await withSession();
  const headers = { 'last-event-id': id };
  expect((await service.call(path, { headers })).status).toBe(400);
  expect((await service.call(`${path}?lastEventId=${encodeURIComponent(id)}`)).status).toBe(400);
});

test('a hundred clients, each resuming at another id while events are written, see every event once', async () => {
  const service = await withSession();
  const total = 300;
  const follow = async (from: number) => {
    const stream = await openStream(service, `${path}?lastEventId=${from}`);
    await stream.until(({ messages }) => messages.at(-1)?.id === String(total));
    stream.stop();
    return { from, ids: stream.ids() };
  };
  const clients: ReturnType<typeof follow>[] = [];
  for (let seq = 0; seq < total; seq++) {
    if (seq < 100) clients.push(follow(seq));
    await service.ingest('s', [log(seq)]);
  }
  for (const { from, ids } of await Promise.all(clients)) expect(ids).toEqual(numbers(from + 1, total));
});

test('a client that is cut at any event resumes without a gap or a double', async () => {
  const service = await withSession();
  const total = 200;
  const writer = (async () => {
    for (let seq = 0; seq < total; seq++) await service.ingest('s', [log(seq)]);
  })();
  const seen: number[] = [];
  while (seen.length < total) {
    const stream = await openStream(service, path, { headers: { 'last-event-id': `${seen.at(-1) ?? ''}` } });
    await stream.until(({ ids }) => ids().length > 0);
    stream.stop();
    // All but the last: as if the connection had broken before it.
    const got = stream.ids();
    seen.push(...(got.length > 1 ? got.slice(0, -1) : got));
  }
  await writer;
  expect(seen).toEqual(numbers(1, total));
});

test('many concurrent writers and live readers: one order for all', async () => {
  const service = await withSession();
  const streams = await Promise.all(Array.from({ length: 5 }, () => openStream(service, path)));
  const hosts = ['a', 'b', 'c', 'd'];
  const writers = hosts.map(async host => {
    for (let seq = 0; seq < 100; seq += 10) {
      const batch = logs(seq, 10).map(event => ({ ...event, host }));
      await Promise.all([service.ingest('s', batch), service.ingest('s', batch)]);
    }
  });
  await Promise.all([...writers, ...streams.map(stream => stream.until(({ ids }) => ids().length === 400))]);
  const stored = (await readAll(service, 's')).messages.filter(({ event }) => event === undefined);
  for (const stream of streams) {
    expect(stream.messages.filter(({ event }) => event === undefined)).toEqual(stored);
  }
});

test('a batch larger than a client may have unsent cuts nobody who reads', async () => {
  const service = await withSession();
  const stream = await openStream(service, path);
  const big = numbers(0, 99).map(seq => log(seq, 'x'.repeat(64 * 1024)));
  await Promise.all([service.ingest('s', big), stream.until(({ ids }) => ids().length === 100)]);
  await service.ingest('s', [log(100)]);
  await stream.until(({ ids }) => ids().length === 101);
  expect(stream.ids()).toEqual(numbers(1, 101));
  expect(stream.own('lagged')).toEqual([]);
});

test('a live client that does not read is cut off as lagged, and resumes complete', async () => {
  const service = await withSession();
  const socket = await pausedClient(service);
  const total = 100;
  for (let seq = 0; seq < total; seq++) await service.ingest('s', [log(seq, 'x'.repeat(400_000))]);
  const messages = await rest(socket);
  const ids = messages.filter(({ event }) => event === undefined).map(({ id }) => Number(id));
  const last = ids.at(-1) as number;
  expect(ids).toEqual(numbers(1, last));
  expect(last).toBeLessThan(total);
  expect(messages.at(-1)).toMatchObject({ event: 'lagged', data: JSON.stringify({ lastEventId: last }) });
  expect((await readAll(service, 's', last)).ids()).toEqual(numbers(last + 1, total));
});

test('one client that does not read holds up no other', async () => {
  const service = await withSession();
  await pausedClient(service);
  const stream = await openStream(service, path);
  for (let seq = 0; seq < 50; seq++) {
    await service.ingest('s', [log(seq, 'x'.repeat(400_000))]);
    await stream.until(({ ids }) => ids().length === seq + 1);
  }
  expect(stream.ids()).toEqual(numbers(1, 50));
});

test('heartbeats come while nothing happens, also to NDJSON', async () => {
  const service = await withSession({ heartbeatMs: 10 });
  const stream = await openStream(service, path);
  await stream.until(({ comments }) => comments.length >= 3);
  expect(new Set(stream.comments)).toEqual(new Set(['heartbeat']));
  const abort = new AbortController();
  const headers = { accept: 'application/x-ndjson' };
  const ndjson = await service.call(path, { headers, signal: abort.signal });
  const { value } = await ndjson.body!.getReader().read();
  expect(Buffer.from(value!).toString()).toBe('\n');
  abort.abort();
});

test('closing ends live streams with a reason after all they were owed', async () => {
  const service = await withSession();
  const streams = await Promise.all(Array.from({ length: 10 }, () => openStream(service, path)));
  await service.ingest('s', logs(0, 5));
  await Promise.all([service.close(), ...streams.map(stream => stream.until(() => false))]);
  for (const stream of streams) {
    expect(stream.ids()).toEqual(numbers(1, 5));
    expect(stream.own('end')).toEqual([{ reason: 'shutdown' }]);
  }
  await expect(service.call('/health')).rejects.toThrow();
});

test('closing lets a client take what is already on its way to it', async () => {
  const service = await withSession();
  // Over a connection that is kept alive: once its answer was ended it passes for idle.
  const stream = await openStream(service, path);
  for (let seq = 0; seq < 40; seq++) await service.ingest('s', [log(seq, 'x'.repeat(400_000))]);
  await Promise.all([stream.until(() => false), service.close()]);
  const sent = stream.ids().length;
  expect(stream.ids()).toEqual(numbers(1, sent));
  expect(stream.own('lagged')).toEqual([{ lastEventId: sent }]);
});

test('closing waits for no client that does not read', async () => {
  const service = await withSession();
  await service.ingest(
    's',
    numbers(0, 15).map(seq => log(seq, 'x'.repeat(400_000))),
  );
  const live = await pausedClient(service);
  const reading = await pausedClient(service);
  const download = await service.call('/sessions/s/logs');
  for (let seq = 16; seq < 32; seq++) await service.ingest('s', [log(seq, 'x'.repeat(400_000))]);
  await service.close();
  live.destroy();
  reading.destroy();
  await expect(download.arrayBuffer()).rejects.toThrow();
});
