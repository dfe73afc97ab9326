import Fastify from 'fastify';
import { afterEach, expect, test, vi } from 'vitest';
import { startServer } from '../index.ts';
import { openSqliteStore } from '../store/index.ts';
import { log, ts } from '../test-support/events.ts';
import { KEY, keyFile, type TestService, testService } from '../test-support/service.ts';
import { readAll } from '../test-support/sse.ts';
import { installAuthentication } from './authenticate.ts';

afterEach(() => vi.useRealTimers());

const DAY = 24 * 60 * 60 * 1000;
const own = { events: [log(0)] };

/** Every route, with a request that an admin may make. */
const routes: [method: string, path: string, body?: object][] = [
  ['POST', '/sessions', { id: 's', title: 'mine' }],
  ['GET', '/sessions'],
  ['GET', '/sessions/s'],
  ['POST', '/sessions/s/tokens', { host: 'a' }],
  ['POST', '/sessions/s/events/ingest', own],
  ['GET', '/sessions/s/events?follow=0'],
  ['GET', '/sessions/s/logs'],
  ['GET', '/followers'],
];
const open = ['/health', '/version'];

/** What each token may do: the statuses of `routes`, in order. */
const matrix: Record<string, number[]> = {
  none: routes.map(() => 401),
  wrong: routes.map(() => 401),
  expired: routes.map(() => 401),
  ownHost: routes.map(([, path]) => (path.endsWith('ingest') ? 200 : 403)),
  otherHost: routes.map(() => 403),
  otherSession: routes.map(() => 403),
  admin: [200, 200, 200, 201, 200, 200, 200, 200],
};

async function tokens(service: TestService): Promise<Record<string, string | null>> {
  await service.call('/sessions', { body: { id: 's', title: 'mine' } });
  await service.createSession('t');
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - DAY });
  const expired = await service.token('s', 'a');
  vi.useRealTimers();
  return {
    none: null,
    wrong: 'x'.repeat(43),
    expired,
    ownHost: await service.token('s', 'a'),
    otherHost: await service.token('s', 'b'),
    otherSession: await service.token('t', 'a'),
    admin: KEY,
  };
}

async function statuses(service: TestService, token: string | null): Promise<number[]> {
  const answers: number[] = [];
  for (const [method, path, body] of routes) {
    const answer = await service.call(path, { method, token, ...(body === undefined ? {} : { body }) });
    await answer.arrayBuffer();
    answers.push(answer.status);
    if (answer.status === 401) expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    if (answer.status >= 400)
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
  }
  return answers;
}

test.each(Object.keys(matrix))('with a key: what a token may do (%s)', async name => {
  const service = await testService({ tokenFile: keyFile() });
  const token = (await tokens(service))[name] ?? null;
  expect(await statuses(service, token)).toEqual(matrix[name]);
  for (const path of open) expect((await service.call(path, { token })).status).toBe(200);
});

test.each(Object.keys(matrix))(
  'without a key: only a token that is presented must be right (%s)',
  async name => {
    const service = await testService();
    const token = (await tokens(service))[name] ?? null;
    const expected = name === 'none' ? matrix.admin : name === 'admin' ? matrix.wrong : matrix[name];
    expect(await statuses(service, token)).toEqual(expected);
  },
);

test.each(['Basic YTpi', 'Bearer', 'Bearer ', 'Bearer a b', `Bearer ${KEY}x`, KEY])(
  'the authorization %j is refused',
  async authorization => {
    const service = await testService({ tokenFile: keyFile() });
    const answer = await service.call('/sessions', { token: null, headers: { authorization } });
    expect(answer.status).toBe(401);
  },
);

test('a token is good for 24 hours', async () => {
  const service = await testService();
  await service.createSession('s');
  const now = Date.now();
  const answer = await service.call('/sessions/s/tokens', { body: { host: 'a' } });
  const { token, expiresAt } = (await answer.json()) as { token: string; expiresAt: string };
  expect(Date.parse(expiresAt) - now).toBeGreaterThanOrEqual(DAY);
  const status = async () => (await service.call('/sessions/s/events/ingest', { body: own, token })).status;
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(expiresAt) - 1 });
  expect(await status()).toBe(200);
  vi.setSystemTime(Date.parse(expiresAt));
  expect(await status()).toBe(401);
});

const connect = { type: 'connect.path.fixed', ts, origin: 'follower', host: 'a', method: 'ssh' };
test.each<[string, object, number]>([
  ['its start', { type: 'hostStarted', ts, origin: 'follower', host: 'a' }, 200],
  ['its log', log(1), 200],
  ['its end', { type: 'hostExited', ts, origin: 'follower', host: 'a', code: 0 }, 200],
  ['a note about itself', { type: 'note', ts, origin: 'follower', host: 'a', message: 'x' }, 200],
  ['its path', connect, 200],
  ['a host event of tomorrow', { type: 'hostPaused', ts, origin: 'follower', host: 'a' }, 200],
  ['a host event of tomorrow of another', { type: 'hostPaused', ts, origin: 'follower', host: 'b' }, 403],
  ['the log of another host', log(1, 'x', { host: 'b' }), 403],
  ["its log in the leader's name", log(1, 'x', { origin: 'leader' }), 403],
  ['its log in no name', { type: 'hostLog', ts, host: 'a', stream: 'stdout', message: 'x' }, 403],
  ['a note without a host', { type: 'note', ts, origin: 'follower', message: 'x' }, 403],
  ['the path of another', { ...connect, host: 'b' }, 403],
  ['a summary', { type: 'summary', ts, origin: 'follower', host: 'a', passed: ['a'], failed: [] }, 403],
  ['a catalogue', { type: 'followersCatalog', ts, origin: 'follower', host: 'a', hosts: [] }, 403],
  ['a type that only looks like one', { type: 'hostile', ts, origin: 'follower', host: 'a' }, 403],
])('with the token of a host: %s', async (_, event, status) => {
  const service = await testService();
  await service.createSession('s');
  const token = await service.token('s', 'a');
  const answer = await service.call('/sessions/s/events/ingest', { body: [log(0), event], token });
  expect(answer.status).toBe(status);
  if (status === 403) expect(await answer.json()).toMatchObject({ code: 'AW_FORBIDDEN' });
  // All or nothing.
  expect((await readAll(service, 's')).ids()).toEqual(status === 200 ? [1, 2] : []);
});

test('a host that may not ingest somewhere is told so before its body is read', async () => {
  const service = await testService();
  await service.createSession('s');
  const token = await service.token('s', 'a');
  for (const session of ['t', 'none']) {
    const answer = await service.call(`/sessions/${session}/events/ingest`, { body: '{', token });
    expect(answer.status).toBe(403);
  }
});

test('a route that declares no scope stops the start', async () => {
  const app = Fastify();
  const store = openSqliteStore(':memory:');
  app.addHook('onClose', () => store.close());
  installAuthentication(app, store, undefined);
  expect(() => app.get('/forgotten', async () => 'secret')).toThrow('declares no scope');
  await app.close();
});

test.each<[string, () => string]>([
  ['is not there', () => '/nonexistent/key'],
  ['is short', () => keyFile('short')],
  ['is empty', () => keyFile('\n')],
  ['cannot stand in a header', () => keyFile('a key with spaces in it')],
])('a key file that %s stops the start', async (_, tokenFile) => {
  const starting = startServer({ db: ':memory:', tokenFile: tokenFile() });
  await expect(starting).rejects.toMatchObject({ code: 'AW_USAGE' });
});

test.skipIf(process.platform === 'win32')('a key file that others can read stops the start', async () => {
  const starting = startServer({ db: ':memory:', tokenFile: keyFile(KEY, 0o644) });
  await expect(starting).rejects.toMatchObject({ code: 'AW_USAGE' });
});

test.each(['0.0.0.0', '::', '192.0.2.1'])('without a key %s is not listened on', async host => {
  const starting = startServer({ db: ':memory:', host });
  await expect(starting).rejects.toMatchObject({ code: 'AW_ADDRESS_REFUSED' });
});

test('a white space around the key does not count', async () => {
  const service = await testService({ tokenFile: keyFile(`  ${KEY}\r\n`) });
  expect((await service.call('/sessions')).status).toBe(200);
});
