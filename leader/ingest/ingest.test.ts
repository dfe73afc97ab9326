/** The way to a service that is quick, slow, away, broken, or none at all. */
import { beforeEach, expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { MAX_INGEST, MAX_INGEST_EVENTS } from '../../contract/limits.ts';
import { attachRun } from '../run-everywhere/attach.ts';
import { startRun } from '../run-everywhere/start.ts';
import type { FakeFollower, FakeRun } from '../test-support/fake-follower.ts';
import {
  accept,
  common,
  freePort,
  type Posted,
  realService,
  scriptedService,
  stored,
} from '../test-support/services.ts';
import { collect, until, useStage } from '../test-support/stage.ts';
import type { ServiceTarget } from '../types.ts';

const stage = useStage();
let follower: FakeFollower;
beforeEach(async () => {
  follower = await stage.follower('a');
});

const go = (service: ServiceTarget) => stage.go([follower.host], { service });
const target = (url: string): ServiceTarget => ({
  url,
  token: 'tok',
  sessionId: 's',
  followerReports: false,
});
const notes = (events: Event[]) =>
  events.flatMap(event => (event.type === 'note' ? [String(event.message)] : []));

test('all events arrive, in order, in few requests when there are many', async () => {
  const posts: Posted[] = [];
  const url = await scriptedService(stage, (posted, response) => {
    posts.push(posted);
    setTimeout(() => accept(response, posted), 30);
  });
  follower.onRun = run => {
    run.start();
    for (let n = 0; n < 30_000; n++) run.log(`${n}\n`);
    run.exit();
  };
  const { events } = await go(target(url));
  const [catalog, ...rest] = posts.flatMap(({ lines }) => lines).map(line => JSON.parse(line));
  const hosts = [{ name: 'a', os: 'linux' }];
  expect(catalog).toMatchObject({ type: 'followersCatalog', origin: 'leader', hosts });
  expect(rest).toEqual(events);
  expect(posts.length).toBeLessThan(60);
  for (const { bytes, lines, authorization } of posts) {
    expect(bytes).toBeLessThanOrEqual(MAX_INGEST);
    expect(lines.length).toBeLessThanOrEqual(MAX_INGEST_EVENTS);
    expect(authorization).toBe('Bearer tok');
  }
});

test('events of a quiet run do not wait for company', async () => {
  const seen: string[] = [];
  let held: FakeRun | undefined;
  const url = await scriptedService(stage, (posted, response) => {
    seen.push(...posted.lines);
    accept(response, posted);
    if (posted.lines.some(line => line.includes('hostStarted'))) held?.exit();
  });
  follower.onRun = run => {
    held = run;
    run.start();
  };
  // Ends only because the service sees the start of a run that goes on.
  await go(target(url));
  expect(seen).toHaveLength(4);
});

test('a service that refuses is said once, gets no more, and the run is none the worse', async () => {
  let requests = 0;
  const url = await scriptedService(stage, (_, response) => {
    requests++;
    response.statusCode = 401;
    response.setHeader('content-type', 'application/problem+json');
    response.end(JSON.stringify({ type: 't', title: 'T', status: 401, code: 'AW_UNAUTHORIZED' }));
  });
  follower.onRun = async run => {
    run.start();
    for (let n = 0; n < 30; n++) {
      run.log(`${n}`);
      await new Promise(fulfil => setTimeout(fulfil, 10));
    }
    run.exit();
  };
  const { events, outcome } = await go(target(url));
  expect(requests).toBe(1);
  expect(notes(events).filter(note => note.includes('refused'))).toHaveLength(1);
  expect(outcome.exitCode).toBe(0);
});

test('something else than the service is not taken for it', async () => {
  const url = await scriptedService(stage, (_, response) => response.end('<html>welcome</html>'));
  expect(notes((await go(target(url))).events).join()).toContain('not as the service would');
});

test('a service that fails for a while gets everything once it works', async () => {
  let failures = 3;
  const seen: string[] = [];
  const url = await scriptedService(stage, (posted, response) => {
    if (failures-- > 0) {
      response.statusCode = failures === 1 ? 429 : 503;
      response.end('busy');
      return;
    }
    seen.push(...posted.lines);
    accept(response, posted);
  });
  const { events } = await go(target(url));
  expect(common(seen.map(line => JSON.parse(line)))).toEqual(common(events));
  expect(notes(events)).toHaveLength(1);
});

test('a service that is away keeps nobody: what remains is said, and attach brings it', async () => {
  const port = await freePort();
  stage.options.timing = { ...stage.options.timing, flush: 100 };
  const service = { url: `http://127.0.0.1:${port}`, sessionId: 's', followerReports: false };
  const run = await startRun(stage.spec([follower.host], { service }), stage.options);
  const { events, outcome } = await collect(run);
  expect(notes(events).at(-1)).toMatch(/^\d+ bytes of events have not reached the service yet: aw agent/);
  expect(outcome.exitCode).toBe(0);

  const { client } = await realService(stage, port);
  await client.createSession({ id: 's' });
  stage.options.timing = { ...stage.options.timing, flush: 5000 };
  await collect(await attachRun(run.runId, stage.options));
  expect(common(await stored(client))).toEqual(common(events));
});

test('followers that report by themselves get a token each, and the service has each event once', async () => {
  const { client, url } = await realService(stage);
  await client.createSession({ id: 's' });
  let reported: unknown;
  follower.onRun = async run => {
    const { report } = run.request;
    run.start();
    run.log('0\n');
    run.exit();
    const body = `${run.lines.join('\n')}\n`;
    const headers = { 'content-type': 'application/x-ndjson', authorization: `Bearer ${report!.token}` };
    reported = await (await fetch(report!.url, { method: 'POST', body, headers })).json();
  };
  await go({ url, sessionId: 's', followerReports: true });
  await until(() => reported !== undefined);
  expect(reported).toMatchObject({ lastEventId: expect.any(Number) });
  expect((await stored(client)).filter(({ origin }) => origin === 'follower')).toHaveLength(3);
});

test('a run starts also when the service gives no tokens', async () => {
  const { url } = await realService(stage);
  const { events, outcome } = await go({ url, sessionId: 'unknown', followerReports: true });
  expect(outcome.exitCode).toBe(0);
  expect([...follower.runs.values()][0]!.request.report).toBeUndefined();
  expect(notes(events).join('\n')).toContain('a does not report by itself');
});
