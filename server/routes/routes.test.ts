import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Problem } from '../../contract/problem.ts';
import { type Follower, Session } from '../../contract/service-api.ts';
import { PROTOCOL, VERSION } from '../../contract/version.ts';
import { startServer } from '../index.ts';
import { ts } from '../test-support/events.ts';
import { keyFile, testService } from '../test-support/service.ts';

test('health and version', async () => {
  const service = await testService();
  expect(await (await service.call('/health')).json()).toEqual({ status: 'ok' });
  expect(await (await service.call('/version')).json()).toEqual({ version: VERSION, protocol: PROTOCOL });
  expect((await service.call('/health', { method: 'HEAD' })).status).toBe(200);
});

test('a session is made once, read and listed newest first', async () => {
  const service = await testService();
  const first = await service.call('/sessions', { body: { id: 'one', title: 'Ünïcode' } });
  expect(first.status).toBe(201);
  expect(first.headers.get('location')).toBe('/api/v1/sessions/one');
  const made = Session.parse(await first.json());
  expect(made).toMatchObject({ id: 'one', title: 'Ünïcode', status: 'running', lastEventId: 0 });
  const again = await service.call('/sessions', { body: { id: 'one', title: 'Ünïcode' } });
  expect([again.status, await again.json()]).toEqual([200, made]);
  const other = await service.call('/sessions', { body: { id: 'one', title: 'another' } });
  expect([other.status, await other.json()]).toMatchObject([409, { code: 'AW_SESSION_CONFLICT' }]);
  const unnamed = Session.parse(await (await service.call('/sessions', { method: 'POST' })).json());
  expect(unnamed.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  expect(await (await service.call('/sessions/one')).json()).toEqual(made);
  const { sessions } = (await (await service.call('/sessions')).json()) as { sessions: Session[] };
  expect(sessions.map(({ id }) => id)).toEqual([unnamed.id, 'one']);
});

test.each<[string, object]>([
  ['a path as id', { id: '../x' }],
  ['a long id', { id: 'x'.repeat(65) }],
  ['a long title', { title: 'x'.repeat(201) }],
  ['a list', []],
  ['a number for a title', { title: 1 }],
])('%s makes no session', async (_, body) => {
  const service = await testService();
  const answer = await service.call('/sessions', { body });
  expect([answer.status, Problem.parse(await answer.json()).code]).toEqual([400, 'AW_INVALID_REQUEST']);
});

const host = (type: string, runId: string | undefined, more: object = {}) => ({
  type,
  ts,
  host: 'a',
  ...(runId === undefined ? {} : { runId }),
  ...more,
});
const summary = (runId: string | undefined, failed: string[], more: object = {}) => ({
  ...host('summary', runId, { passed: [], failed, ...more }),
});

test.each<[string, object[], string]>([
  ['nothing ran', [], 'running'],
  ['a run is going on', [host('hostStarted', 'r1')], 'running'],
  ['it passed', [host('hostStarted', 'r1'), summary('r1', [])], 'completed'],
  ['a host failed', [host('hostStarted', 'r1'), summary('r1', ['a'])], 'failed'],
  ['no host failed but the run did', [summary('r1', [], { exitCode: 3 })], 'failed'],
  ['another run began', [host('hostStarted', 'r1'), summary('r1', []), host('hostStarted', 'r2')], 'running'],
  [
    'a start comes late',
    [host('hostStarted', 'r1'), summary('r1', []), host('hostStarted', 'r1')],
    'completed',
  ],
  [
    'an older run ends later',
    [host('hostStarted', 'r1'), host('hostStarted', 'r2'), summary('r2', []), summary('r1', ['a'])],
    'completed',
  ],
  [
    'runs without ids',
    [host('hostStarted', undefined), summary(undefined, []), host('hostStarted', undefined)],
    'running',
  ],
  [
    'several hosts of a run without an id',
    [host('hostStarted', undefined), host('hostStarted', undefined), summary(undefined, ['a'])],
    'failed',
  ],
])('the status of a session when %s', async (_, events, status) => {
  const service = await testService();
  await service.createSession('s');
  for (const event of events) await service.ingest('s', [event]);
  expect(await (await service.call('/sessions/s')).json()).toMatchObject({
    status,
    lastEventId: events.length,
  });
});

test('followers are known from the catalogue and from their runs', async () => {
  const service = await testService();
  await service.createSession('s');
  const list = async () => {
    const { followers } = (await (await service.call('/followers')).json()) as { followers: Follower[] };
    return followers.map(({ lastSeenAt: _, ...follower }) => follower);
  };
  const hosts = [
    { name: 'b', os: 'windows', tags: ['gpu=1'] },
    { name: 'a', os: 'linux' },
  ];
  await service.ingest('s', [{ type: 'followersCatalog', ts, hosts }]);
  const a = { name: 'a', os: 'linux', lastSessionId: 's' };
  const b = { name: 'b', os: 'windows', tags: ['gpu=1'], lastSessionId: 's', state: 'idle' };
  expect(await list()).toEqual([{ ...a, state: 'idle' }, b]);
  await service.ingest('s', [host('hostStarted', 'r1')]);
  expect(await list()).toEqual([{ ...a, state: 'running' }, b]);
  await service.createSession('t');
  await service.ingest('t', [host('hostStarted', 'r2')]);
  await service.ingest('s', [host('hostExited', 'r1', { code: 0, reason: 'lost' })]);
  expect(await list()).toEqual([{ ...a, lastSessionId: 't', state: 'running' }, b]);
  await service.ingest('t', [host('hostExited', 'r2', { code: null, signal: 'SIGKILL' })]);
  expect(await list()).toEqual([{ ...a, lastSessionId: 't', state: 'signaled' }, b]);
});

test.each<[string, string, object, number, string]>([
  ['GET', '/nothing', {}, 404, 'AW_NOT_FOUND'],
  ['GET', '/sessions/none', {}, 404, 'AW_SESSION_NOT_FOUND'],
  ['GET', '/sessions/none/events', {}, 404, 'AW_SESSION_NOT_FOUND'],
  ['GET', '/sessions/none/logs', {}, 404, 'AW_SESSION_NOT_FOUND'],
  ['POST', '/sessions/none/tokens', { body: { host: 'a' } }, 404, 'AW_SESSION_NOT_FOUND'],
  ['POST', '/sessions/s/tokens', { body: { host: '-' } }, 400, 'AW_INVALID_REQUEST'],
  ['POST', '/sessions/s/tokens', {}, 400, 'AW_INVALID_REQUEST'],
  ['GET', '/sessions/%zz', {}, 400, 'AW_INVALID_REQUEST'],
  ['GET', `/sessions/${'x'.repeat(2000)}`, {}, 414, 'AW_INVALID_REQUEST'],
  ['DELETE', '/sessions/s', {}, 405, 'AW_INVALID_REQUEST'],
  ['PUT', '/sessions', { body: 'x', type: 'text/x' }, 405, 'AW_INVALID_REQUEST'],
  ['GET', '/sessions/s/events/ingest', {}, 405, 'AW_INVALID_REQUEST'],
  ['POST', '/sessions', { body: '{}', type: 'application/x-ndjson' }, 415, 'AW_INVALID_REQUEST'],
  ['POST', '/sessions', { body: { title: 'x'.repeat(70_000) } }, 413, 'AW_FRAME_TOO_LARGE'],
])('%s %.30s is a Problem (%j: %i)', async (method, path, options, status, code) => {
  const service = await testService();
  await service.createSession('s');
  const answer = await service.call(path, { method, ...options });
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect([answer.status, Problem.parse(await answer.json())]).toMatchObject([status, { status, code }]);
  if (status === 405) expect(answer.headers.get('allow')).toMatch(/^(GET, HEAD|POST|POST, GET, HEAD)$/);
});

test('bytes that are not HTTP are answered with a Problem', async () => {
  const service = await testService();
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  socket.end('hello\r\n\r\n');
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(Problem.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))))).toMatchObject({ status: 400 });
});

test('an address that is taken or not ours is a coded error', async () => {
  const service = await testService();
  const port = Number(new URL(service.url).port);
  const taken = startServer({ db: ':memory:', port });
  await expect(taken).rejects.toMatchObject({ code: 'AW_ADDRESS_IN_USE' });
  const impossible = startServer({ db: ':memory:', port: 70_000 });
  await expect(impossible).rejects.toMatchObject({ code: 'AW_USAGE' });
  const elsewhere = startServer({ db: ':memory:', host: '192.0.2.1', tokenFile: keyFile() });
  await expect(elsewhere).rejects.toMatchObject({ code: 'AW_USAGE' });
});

test('closing twice is closing once', async () => {
  const server = await startServer({ db: ':memory:', host: 'localhost' });
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  await Promise.all([server.close(), server.close()]);
  await server.close();
});
