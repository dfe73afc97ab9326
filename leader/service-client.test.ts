import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../server/index.ts';
import { log, logs, numbers } from '../server/test-support/events.ts';
import { KEY, keyFile, temporaryDirectory, testService } from '../server/test-support/service.ts';
import { serviceClient } from './service-client.ts';

const ndjson = (events: readonly object[]) =>
  Buffer.from(`${events.map(event => JSON.stringify(event)).join('\n')}\n`);
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    error => error.code,
  );
const first = (source: AsyncIterable<unknown>) =>
  (async () => {
    for await (const item of source) return item;
  })();
const scripted = async (answer: http.RequestListener): Promise<string> => {
  const server = http.createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

test('sessions, events, logs, followers', async () => {
  const { url } = await testService({ tokenFile: keyFile() });
  const client = serviceClient({ url: `${url}/`, token: KEY });
  await client.health();
  expect(await client.version()).toMatchObject({ protocol: 1 });
  const session = await client.createSession({ title: 'a title' });
  expect(await client.session(session.id)).toEqual(session);
  expect(await client.sessions()).toEqual([session]);
  const events = [log(0, 'ä'), log(1, '/w==', { encoding: 'base64' }), log(2, 'err', { stream: 'stderr' })];
  expect(await client.ingest(session.id, ndjson(events))).toEqual({
    accepted: 3,
    duplicates: 0,
    lastEventId: 3,
  });
  expect(await client.ingest(session.id, ndjson(events))).toMatchObject({ accepted: 0, duplicates: 3 });

  const stored = [];
  for await (const each of client.events(session.id, { follow: false, after: 1 })) stored.push(each);
  expect(stored).toEqual([
    { id: 2, event: events[1] },
    { id: 3, event: events[2] },
  ]);
  const bytes = [];
  for await (const chunk of client.logs(session.id, { host: 'a', stream: 'stdout' })) bytes.push(chunk);
  expect(Buffer.concat(bytes)).toEqual(Buffer.concat([Buffer.from('ä'), Buffer.from([0xff])]));
  const started = { ...log(4), type: 'hostStarted', message: undefined, stream: undefined };
  await client.ingest(session.id, ndjson([started]));
  expect(await client.followers()).toMatchObject([{ name: 'a', state: 'running' }]);

  const scoped = serviceClient({ url, token: (await client.createToken(session.id, 'a')).token });
  expect(await scoped.ingest(session.id, ndjson([log(3)]))).toMatchObject({ accepted: 1 });
  expect(await codeOf(scoped.sessions())).toBe('AW_FORBIDDEN');
});

test('what the service refuses, and what is no service', async () => {
  const { url } = await testService({ tokenFile: keyFile() });
  expect(await codeOf(serviceClient({ url }).sessions())).toBe('AW_UNAUTHORIZED');
  const client = serviceClient({ url, token: KEY });
  expect(await codeOf(client.session('none'))).toBe('AW_SESSION_NOT_FOUND');
  expect(await codeOf(first(client.events('none')))).toBe('AW_SESSION_NOT_FOUND');
  expect(await codeOf(client.ingest('none', ndjson([log(0)])))).toBe('AW_SESSION_NOT_FOUND');
  expect(await codeOf(first(serviceClient({ url, token: 'wrong' }).events('none')))).toBe('AW_UNAUTHORIZED');

  const page = serviceClient({ url: await scripted((_, response) => response.end('<html>')) });
  expect(await codeOf(page.sessions())).toBe('AW_SERVICE_REJECTED');
  expect(await codeOf(first(page.events('s')))).toBe('AW_SERVICE_REJECTED');
  const gone = await startServer({ db: ':memory:' });
  await gone.close();
  await expect(serviceClient({ url: gone.url }).health()).rejects.toMatchObject({
    code: 'AW_SERVICE_UNREACHABLE',
    message: `cannot reach the service ${gone.url}: ECONNREFUSED`,
  });
});

test.each(['', 'localhost:80', 'ftp://x', 'http://u:p@x', 'http://x?a=1'])('no address: %j', url => {
  expect(() => serviceClient({ url })).toThrow(/not the address of a service/);
});

test('a token is never sent on to where an answer points', async () => {
  let reached = false;
  const elsewhere = await scripted((_, response) => {
    reached = true;
    response.end();
  });
  const url = await scripted((_, response) => {
    response.writeHead(307, { location: elsewhere }).end();
  });
  expect(await codeOf(serviceClient({ url, token: KEY }).sessions())).toBe('AW_SERVICE_REJECTED');
  expect(reached).toBe(false);
});

test('following goes on through restarts of the service, each event once', async () => {
  const db = `${temporaryDirectory()}/events.db`;
  let server = await startServer({ db });
  onTestFinished(() => server.close());
  const port = Number(new URL(server.url).port);
  const client = serviceClient({ url: server.url });
  await client.createSession({ id: 's' });
  await client.ingest('s', ndjson(logs(0, 5)));
  const seen: number[] = [];
  const ingest = async (events: object[]): Promise<void> => {
    // A connection kept from before the restart fails once.
    await client.ingest('s', ndjson(events)).catch(() => client.ingest('s', ndjson(events)));
  };
  for await (const { id, event } of client.events('s', { after: 2 })) {
    expect(event).toMatchObject({ seq: id - 1 });
    seen.push(id);
    if (id === 5 || id === 8) {
      await server.close();
      server = await startServer({ db, port });
    }
    if (id === 5) await ingest(logs(5, 3));
    if (id === 8) setTimeout(() => void ingest(logs(8, 2)), 50);
    if (id === 10) break;
  }
  expect(seen).toEqual(numbers(3, 10));
});

test('a stream without a sign of life is opened again', async () => {
  const asked: unknown[] = [];
  const url = await scripted((request, response) => {
    asked.push(request.headers['last-event-id']);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('retry: 1\nevent: hello\ndata: {"heartbeatMs":20,"lastEventId":0}\n\n');
    response.write(`id: ${asked.length}\ndata: ${JSON.stringify(log(asked.length))}\n\n`);
  });
  const ids = [];
  for await (const { id } of serviceClient({ url }).events('s')) {
    ids.push(id);
    if (ids.length === 3) break;
  }
  expect(ids).toEqual([1, 2, 3]);
  expect(asked).toEqual(['0', '1', '2']);
});

test('following ends when it is told to', async () => {
  const { url } = await testService();
  const client = serviceClient({ url });
  await client.createSession({ id: 's' });
  await client.ingest('s', ndjson([log(0)]));
  const stop = new AbortController();
  const seen = [];
  for await (const { id } of client.events('s', { signal: stop.signal })) {
    seen.push(id);
    setTimeout(() => stop.abort(), 20);
  }
  expect(seen).toEqual([1]);
});
