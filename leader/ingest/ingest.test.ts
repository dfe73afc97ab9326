/** The way to the service, with the service away, refusing, slow, killed, and with the leader killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { MAX_INGEST, MAX_INGEST_EVENTS } from '../../contract/limits.ts';
import { attachRun } from '../run-everywhere/attach.ts';
import { startRun } from '../run-everywhere/start.ts';
import { type ServiceClient, serviceClient } from '../service-client.ts';
import { type FakeFollower, type FakeRun, startFakeFollower } from '../test-support/fake-follower.ts';
import type { Run, RunSpec, ServiceTarget } from '../types.ts';

let root: string;
let stateDir: string;
let follower: FakeFollower;
let endings: (() => unknown)[];
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'aw-ingest-'));
  stateDir = join(root, 'state');
  follower = await startFakeFollower('a', root);
  endings = [() => follower.close()];
});
afterEach(async () => {
  for (const end of endings.reverse()) await end();
  rmSync(root, { recursive: true });
});

const spec = (service: ServiceTarget): RunSpec => ({
  hosts: [follower.host],
  project: root,
  cwd: root,
  command: { kind: 'argv', argv: ['x'] },
  env: {},
  onLeaderLoss: 'continue',
  mapOutput: false,
  expandWorkspace: false,
  service,
  detach: false,
});
const collect = async (run: Run): Promise<Event[]> => {
  const events: Event[] = [];
  for await (const event of run.events) events.push(event);
  return events;
};
const notes = (events: Event[]) =>
  events.flatMap(event => (event.type === 'note' ? [String(event.message)] : []));
/** Without what only the service, or only the person at the terminal, is told. */
const ofHosts = (events: Event[]) =>
  events.filter(({ type }) => type !== 'note' && type !== 'followersCatalog');
const chatter = (count: number) => (run: FakeRun) => {
  run.start();
  for (let n = 0; n < count; n++) run.log(`${n}\n`);
  run.exit();
};

interface Posted {
  lines: string[];
  bytes: number;
  authorization: string | undefined;
}

/** A service that does what the test says. */
const scripted = async (answer: (posted: Posted, response: http.ServerResponse) => void) => {
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { authorization } = request.headers;
    answer({ lines: body.toString().trimEnd().split('\n'), bytes: body.length, authorization }, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => {
    server.closeAllConnections();
    return new Promise(fulfil => server.close(fulfil));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const accept = (response: http.ServerResponse, count: number) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ accepted: count, duplicates: 0, lastEventId: count }));
};
const target = (url: string): ServiceTarget => ({
  url,
  token: 'tok',
  sessionId: 's',
  followerReports: false,
});

test('all events arrive, in order, in few requests when there are many', async () => {
  const posts: Posted[] = [];
  const url = await scripted((posted, response) => {
    posts.push(posted);
    setTimeout(() => accept(response, posted.lines.length), 30);
  });
  follower.onRun = chatter(30_000);
  const events = await collect(await startRun(spec(target(url)), { stateDir }));
  const [catalog, ...rest] = posts.flatMap(({ lines }) => lines).map(line => JSON.parse(line));
  expect(catalog).toMatchObject({
    type: 'followersCatalog',
    origin: 'leader',
    hosts: [{ name: 'a', os: 'linux' }],
  });
  expect(rest).toEqual(events);
  expect(posts.length).toBeLessThan(30);
  for (const { bytes, lines, authorization } of posts) {
    expect(bytes).toBeLessThanOrEqual(MAX_INGEST);
    expect(lines.length).toBeLessThanOrEqual(MAX_INGEST_EVENTS);
    expect(authorization).toBe('Bearer tok');
  }
});

test('events of a quiet run do not wait for company', async () => {
  const seen: string[] = [];
  const url = await scripted(({ lines }, response) => {
    seen.push(...lines);
    accept(response, lines.length);
    if (lines.some(line => line.includes('hostStarted'))) held?.exit();
  });
  let held: FakeRun | undefined;
  follower.onRun = run => {
    held = run;
    run.start();
  };
  // Ends only because the service sees the start of a run that goes on.
  await collect(await startRun(spec(target(url)), { stateDir }));
  expect(seen).toHaveLength(4);
});

test('a service that refuses is said once, gets no more, and the run is none the worse', async () => {
  let requests = 0;
  const url = await scripted((_, response) => {
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
  const run = await startRun(spec(target(url)), { stateDir });
  const events = await collect(run);
  expect(requests).toBe(1);
  expect(notes(events).filter(note => note.includes('refused'))).toHaveLength(1);
  expect((await run.outcome).exitCode).toBe(0);
});

test('something else than the service is not taken for it', async () => {
  const url = await scripted((_, response) => response.end('<html>welcome</html>'));
  const events = await collect(await startRun(spec(target(url)), { stateDir }));
  expect(notes(events).join()).toContain('not as the service would');
});

test('a service that fails for a while gets everything once it works', async () => {
  let failures = 3;
  const seen: string[] = [];
  const url = await scripted(({ lines }, response) => {
    if (failures-- > 0) {
      response.statusCode = failures === 1 ? 429 : 503;
      response.end('busy');
      return;
    }
    seen.push(...lines);
    accept(response, lines.length);
  });
  const events = await collect(await startRun(spec(target(url)), { stateDir }));
  expect(ofHosts(seen.map(line => JSON.parse(line)))).toEqual(ofHosts(events));
  expect(notes(events)).toHaveLength(1);
});

test('a service that is away keeps nobody: what remains is said, and attach brings it', async () => {
  const port = await freePort();
  const run = await startRun(spec(target(`http://127.0.0.1:${port}`)), { stateDir, timing: { flush: 100 } });
  const events = await collect(run);
  expect(notes(events).at(-1)).toMatch(
    /\d+ bytes of events have not reached the service yet: aw agent runs attach/,
  );
  expect((await run.outcome).exitCode).toBe(0);

  const { service } = await realService(port);
  await service.createSession({ id: 's' });
  await collect(await attachRun(run.runId, { stateDir }));
  expect(ofHosts(await stored(service))).toEqual(ofHosts(events));
});

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise(fulfil => server.close(fulfil));
  return port;
};
const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
};
const realService = async (port = 0) => {
  const serve = join(import.meta.dirname, '../../server/test-support/serve.ts');
  const args = [serve, join(root, 'events.db'), String(port)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endings.push(() => kill(child));
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { url, child, service: serviceClient({ url }) };
};
const stored = async (service: ServiceClient): Promise<Event[]> => {
  const events: Event[] = [];
  for await (const { event } of service.events('s', { follow: false })) events.push(event);
  return events;
};
const numbersOf = (events: Event[]) =>
  events.flatMap(event => (event.type === 'hostLog' ? [Number(event.message)] : []));
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

test('the service is killed in the midst of a run: it lacks nothing afterwards', async () => {
  const port = await freePort();
  let { service, child } = await realService(port);
  await service.createSession({ id: 's' });
  follower.onRun = async run => {
    run.start();
    for (let n = 0; n < 600; n++) {
      run.log(`${n}\n`);
      if (n % 200 === 100) {
        // In the midst of pushing.
        await new Promise(fulfil => setTimeout(fulfil, 160));
        await kill(child);
        ({ service, child } = await realService(port));
      }
    }
    run.exit();
  };
  const events = await collect(
    await startRun(spec({ url: service.url, sessionId: 's', followerReports: false }), { stateDir }),
  );
  const all = await stored(service);
  expect(numbersOf(all)).toEqual(numbers(600));
  expect(ofHosts(all)).toEqual(ofHosts(events));
  expect((await service.session('s')).status).toBe('completed');
});

test('the leader is killed in the midst of a run: attach completes it, nothing twice', async () => {
  const { service, url } = await realService();
  await service.createSession({ id: 's' });
  let live: FakeRun | undefined;
  follower.onRun = run => {
    live = run;
    run.start();
    for (let n = 0; n < 500; n++) run.log(`${n}\n`);
  };
  const lead = join(import.meta.dirname, '../test-support/lead.ts');
  const request = { ...spec({ url, sessionId: 's', followerReports: false }), runId: 'killed' };
  for (const delay of [0, 60, 200]) {
    const runId = `killed-${delay}`;
    const args = [lead, JSON.stringify({ ...request, runId }), stateDir];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    endings.push(() => kill(child));
    for await (const type of createInterface(child.stdout)) if (type === 'hostLog') break;
    await new Promise(fulfil => setTimeout(fulfil, delay));
    await kill(child);

    for (let n = 500; n < 700; n++) live!.log(`${n}\n`);
    live!.exit();
    const run = await attachRun(runId, { stateDir });
    expect(numbersOf(await collect(run))).toEqual(numbers(700));
    expect((await run.outcome).exitCode).toBe(0);
    const all = (await stored(service)).filter(event => event.runId === runId);
    expect(numbersOf(all)).toEqual(numbers(700));
    expect(all.map(({ type }) => type).filter(type => type !== 'hostLog')).toEqual([
      'followersCatalog',
      'hostStarted',
      'hostExited',
      'summary',
    ]);
    // Looking again brings the service nothing it has.
    await collect(await attachRun(runId, { stateDir }));
    expect((await stored(service)).filter(event => event.runId === runId)).toEqual(all);
  }
});

test('followers that report by themselves get a token each, and the service has each event once', async () => {
  const { service, url } = await realService();
  await service.createSession({ id: 's' });
  follower.onRun = async run => {
    const { report } = run.request;
    run.start();
    run.log('0\n');
    run.exit();
    const body = `${run.lines.join('\n')}\n`;
    const headers = { 'content-type': 'application/x-ndjson', authorization: `Bearer ${report!.token}` };
    const answer = await fetch(report!.url, { method: 'POST', body, headers });
    reported = await answer.json();
  };
  let reported: unknown;
  await collect(await startRun(spec({ url, sessionId: 's', followerReports: true }), { stateDir }));
  while (reported === undefined) await new Promise(fulfil => setTimeout(fulfil, 5));
  expect(reported).toMatchObject({ lastEventId: expect.any(Number) });
  expect((await stored(service)).filter(({ origin }) => origin === 'follower')).toHaveLength(3);
});
