import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Event } from '../../contract/events.ts';
import { eventsOf, openTestRuns, type TestRuns, until } from '../test-support/scripts.ts';
import { reportRun } from './report.ts';

interface Seen {
  authorization: string | undefined;
  type: string | undefined;
  events: Event[];
}

let it: TestRuns;
let server: http.Server;
let url: string;
let seen: Seen[] = [];
/** The statuses of the next answers, then 200; `cut` ends the connection instead. */
let answers: (number | 'cut')[] = [];

beforeAll(async () => {
  it = await openTestRuns();
  server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
    seen.push({
      authorization: request.headers.authorization,
      type: request.headers['content-type'],
      events: lines.map(line => Event.parse(JSON.parse(line))),
    });
    const answer = answers.shift() ?? 200;
    if (answer === 'cut') request.socket.destroy();
    else response.writeHead(answer).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/ingest`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await it.close();
});
afterEach(() => {
  seen = [];
  answers = [];
});

const never = () => new AbortController().signal;
const target = () => ({ url, token: 'scoped' });
const reported = () => seen.flatMap(({ events }) => events);

test('all events arrive in order, gathered, with the token', async () => {
  const run = it.start('for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.01; done');
  expect(await reportRun(run, target(), never())).toBeUndefined();
  expect(reported()).toEqual(await eventsOf(run));
  expect(seen.length).toBeLessThan(8);
  expect(seen[0]).toMatchObject({ authorization: 'Bearer scoped', type: 'application/x-ndjson' });
});

test('what was not accepted is sent again', async () => {
  answers = [503, 'cut', 429];
  const run = it.start('echo x');
  expect(await reportRun(run, target(), never())).toBeUndefined();
  const events = await eventsOf(run);
  expect(seen).toHaveLength(4);
  expect(seen.map(request => request.events[0])).toEqual(Array(4).fill(events[0]));
  expect(seen.at(-1)?.events.at(-1)).toEqual(events.at(-1));
});

test('a refusal is final', async () => {
  answers = [403];
  expect(await reportRun(it.start('echo x'), target(), never())).toBe('the service answered 403');
  expect(seen).toHaveLength(1);
});

test('a lot of output goes in requests of bounded size', async () => {
  const run = it.start('head -c 6000000 /dev/urandom');
  expect(await reportRun(run, target(), never())).toBeUndefined();
  expect(reported()).toEqual(await eventsOf(run));
  const sizes = seen.map(({ events }) => JSON.stringify(events).length);
  expect(Math.max(...sizes)).toBeLessThan(1.3 * 1024 * 1024);
});

test('a service that is away holds up neither the run nor the end', async () => {
  const stop = new AbortController();
  const run = it.start('head -c 20000000 /dev/zero; echo done');
  const away = { url: 'http://127.0.0.1:9/', token: 'scoped' };
  const report = reportRun(run, away, stop.signal);
  await until(() => run.state().state === 'ended');
  expect(run.state()).toMatchObject({ reason: 'exited', code: 0 });
  stop.abort();
  expect(await report).toBe('ECONNREFUSED');
});
