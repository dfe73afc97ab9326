import { expect, test } from 'vitest';
import { MAX_INGEST_EVENTS, MAX_LINE } from '../../contract/limits.ts';
import type { Problem } from '../../contract/problem.ts';
import { log, logs, numbers, ts } from '../test-support/events.ts';
import { type TestService, testService } from '../test-support/service.ts';
import { readAll } from '../test-support/sse.ts';

const NDJSON = 'application/x-ndjson';
const path = '/sessions/s/events/ingest';

async function withSession(): Promise<TestService> {
  const service = await testService();
  await service.createSession('s');
  return service;
}

async function refused(response: Response, status: number): Promise<Problem> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = (await response.json()) as Problem;
  expect({ answered: response.status, status: problem.status }).toEqual({ answered: status, status });
  return problem;
}

const nested = (levels: number) => `{"type":"x","ts":"${ts}","x":${'['.repeat(levels)}${']'.repeat(levels)}}`;

test('an event is kept once, by session, producer, epoch and seq', async () => {
  const service = await withSession();
  expect(await service.ingest('s', logs(0, 5))).toEqual({ accepted: 5, duplicates: 0, lastEventId: 5 });
  expect(await service.ingest('s', logs(3, 4))).toEqual({ accepted: 2, duplicates: 2, lastEventId: 7 });
  const others = [
    log(0, 'another epoch', { epoch: 'e2' }),
    log(0, 'another host', { host: 'b' }),
    log(0, 'the leader', { origin: 'leader' }),
    log(0, 'twice in one request', { epoch: 'e3' }),
    log(0, 'twice in one request', { epoch: 'e3' }),
  ];
  expect(await service.ingest('s', others)).toEqual({ accepted: 4, duplicates: 1, lastEventId: 11 });
  const { messages, ids } = await readAll(service, 's');
  expect(ids()).toEqual(numbers(1, 11));
  const stored = messages.filter(({ event }) => event === undefined).map(({ data }) => JSON.parse(data));
  expect(stored).toEqual([...logs(0, 7), ...others.slice(0, 4)]);
});

test('the same events in another session are new', async () => {
  const service = await withSession();
  await service.createSession('t');
  await service.ingest('s', logs(0, 2));
  expect(await service.ingest('t', logs(0, 2))).toEqual({ accepted: 2, duplicates: 0, lastEventId: 2 });
});

test('events without numbers are always kept', async () => {
  const service = await withSession();
  const short = { type: 'hostLog', ts, host: 'a', stream: 'stderr', message: 'again' };
  await service.ingest('s', [short, short]);
  expect(await service.ingest('s', [short])).toEqual({ accepted: 1, duplicates: 0, lastEventId: 3 });
});

test('a bare array, NDJSON with and without its last line break, and nothing at all are taken', async () => {
  const service = await withSession();
  const lines = (events: object[]) => events.map(event => JSON.stringify(event)).join('\r\n\n');
  const results: unknown[] = [];
  for (const [body, type] of [
    [logs(0, 2), 'application/json; charset=utf-8'],
    [lines(logs(2, 2)), NDJSON],
    [`${lines(logs(4, 2))}\n`, NDJSON],
    [{ events: [] }, 'application/json'],
    ['', NDJSON],
  ] as const) {
    results.push(await (await service.call(path, { body, type })).json());
  }
  expect(results).toEqual([
    { accepted: 2, duplicates: 0, lastEventId: 2 },
    { accepted: 2, duplicates: 0, lastEventId: 4 },
    { accepted: 2, duplicates: 0, lastEventId: 6 },
    { accepted: 0, duplicates: 0, lastEventId: 6 },
    { accepted: 0, duplicates: 0, lastEventId: 6 },
  ]);
});

test('unknown types and fields come back as they were sent', async () => {
  const service = await withSession();
  const events = [
    { type: 'ofTomorrow', ts, deep: { list: [1, null, 'x'] }, 'naïve\u2028key': true },
    { ...log(0), extra: { a: 1 }, message: '\ud83d\ude00 \u0000 \u007f \ud800' },
  ];
  await service.ingest('s', events);
  const { messages } = await readAll(service, 's');
  expect(
    messages.filter(({ event }) => event === undefined).map(({ data }) => JSON.parse(data)),
  ).toStrictEqual(events);
});

test('one bad event refuses the whole request and the answer names its fields', async () => {
  const service = await withSession();
  const bad = [log(0), { ...log(1), host: '../etc', stream: 'stdin' }, { type: 'x' }, 7, null];
  const { code, errors } = await refused(await service.call(path, { body: bad }), 400);
  expect(code).toBe('AW_INVALID_REQUEST');
  expect(Object.keys(errors ?? {})).toEqual([
    'events.1.host',
    'events.1.stream',
    'events.2.ts',
    'events.3.(body)',
    'events.4.(body)',
  ]);
  const lines = `${JSON.stringify(log(0))}\n\n{"type":"hostLog"}\n`;
  const ndjson = await refused(await service.call(path, { body: lines, type: NDJSON }), 400);
  expect(Object.keys(ndjson.errors ?? {})).toContain('line.3.ts');
  expect((await readAll(service, 's')).ids()).toEqual([]);
});

test.each<[string, unknown, string, number, string]>([
  ['JSON that is not', '{"events":[', 'application/json', 400, 'AW_INVALID_REQUEST'],
  ['a line that is not JSON', '{"type":\n', NDJSON, 400, 'AW_INVALID_REQUEST'],
  ['no list', { event: [] }, 'application/json', 400, 'AW_INVALID_REQUEST'],
  ['no body', '', 'application/json', 400, 'AW_INVALID_REQUEST'],
  ['bytes that are not UTF-8', Buffer.from('"\xff"', 'latin1'), NDJSON, 400, 'AW_INVALID_REQUEST'],
  ['a date for a machine', [{ ...log(0), ts: 'yesterday' }], 'application/json', 400, 'AW_INVALID_REQUEST'],
  ['bad base64', [log(0, 'a$b=', { encoding: 'base64' })], 'application/json', 400, 'AW_INVALID_REQUEST'],
  ['another type', 'type=hostLog', 'application/x-www-form-urlencoded', 415, 'AW_INVALID_REQUEST'],
  ['text', '[]', 'text/plain', 415, 'AW_INVALID_REQUEST'],
  ['a body of 10 MB', 'x'.repeat(10_000_000), NDJSON, 413, 'AW_FRAME_TOO_LARGE'],
  ['a line of 5 MB', `"${'x'.repeat(5_000_000)}"`, NDJSON, 413, 'AW_FRAME_TOO_LARGE'],
  ['an event over the limit', [log(0, 'x'.repeat(MAX_LINE))], 'application/json', 413, 'AW_FRAME_TOO_LARGE'],
  ['too many events', '{}\n'.repeat(MAX_INGEST_EVENTS + 1), NDJSON, 400, 'AW_INVALID_REQUEST'],
  ['brackets without end', '['.repeat(4_000_000), NDJSON, 400, 'AW_INVALID_REQUEST'],
  ['a deep nesting', nested(2_000_000), NDJSON, 400, 'AW_INVALID_REQUEST'],
  ['a nesting over the limit', nested(101), NDJSON, 400, 'AW_INVALID_REQUEST'],
])('%s is refused as what it is', async (_, body, type, status, code) => {
  const service = await withSession();
  const problem = await refused(await service.call(path, { body, type }), status);
  expect(problem.code).toBe(code);
  expect((await readAll(service, 's')).ids()).toEqual([]);
});

test('a nesting within the limit is taken', async () => {
  const service = await withSession();
  expect((await service.call(path, { body: nested(98), type: NDJSON })).status).toBe(200);
});

test('a compressed body is refused instead of misread', async () => {
  const service = await withSession();
  const headers = { 'content-encoding': 'gzip' };
  await refused(await service.call(path, { body: '[]', headers }), 415);
});

test('keys that name prototypes are only data', async () => {
  const service = await withSession();
  const body = `{"type":"x","ts":"${ts}","__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}`;
  const answer = await service.call(path, { body, type: NDJSON });
  expect(await answer.json()).toEqual({ accepted: 1, duplicates: 0, lastEventId: 1 });
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
  const { messages } = await readAll(service, 's');
  expect(messages.map(({ data }) => data)).toContain(body);
  const hosts = `{"type":"fenceResult","ts":"${ts}","snapshotId":"1","hosts":{"__proto__":{"state":"consistent"}}}`;
  expect((await service.call(path, { body: hosts, type: NDJSON })).status).toBe(200);
});

test('a name that an event has twice is stored once, as it was checked', async () => {
  const service = await withSession();
  const body = JSON.stringify(log(0)).replace('{', '{"host":"../../b",');
  expect((await service.call(path, { body, type: NDJSON })).status).toBe(200);
  const { messages } = await readAll(service, 's');
  expect(messages.find(({ id }) => id === '1')?.data).not.toContain('../../b');
});

test('a session that is not there is a 404 with its name', async () => {
  const service = await withSession();
  const problem = await refused(await service.call('/sessions/none/events/ingest', { body: [] }), 404);
  expect(problem).toMatchObject({ code: 'AW_SESSION_NOT_FOUND', details: { sessionId: 'none' } });
});
