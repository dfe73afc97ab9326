/** Bad input is one clear error for its host and the right exit code; the others are unharmed. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitOf, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';

let fleet: Fleet;
beforeAll(() => {
  fleet = makeFleet([{ name: 'good', shell: 'bash' }]);
  mkdirSync(join(fleet.dir, 'sockets'));
});
afterAll(() => fleet.stop());

const catalogue = (text: string) => {
  const path = join(fleet.dir, `hosts-${randomBytes(4).toString('hex')}.json`);
  writeFileSync(path, text);
  return path;
};
const host = (name: string, more: object = {}) => ({
  name,
  os: 'linux',
  transport: 'local',
  workspace: fleet.workspace('good'),
  ...more,
});

test.each([
  ['no file', '/nowhere/hosts.json', 'AW_CATALOG_MISSING'],
  ['no JSON', '{"hosts": [', 'AW_CATALOG_INVALID'],
  ['no hosts', '{}', 'AW_CATALOG_INVALID'],
  ['an unknown os', '{"hosts":[{"name":"a","os":"beos","workspace":"/w"}]}', 'AW_CATALOG_INVALID'],
  [
    'one name twice',
    JSON.stringify({
      hosts: [
        { name: 'a', os: 'linux', workspace: '/w' },
        { name: 'a', os: 'linux', workspace: '/w' },
      ],
    }),
    'AW_CATALOG_INVALID',
  ],
  ['a relative workspace', '{"hosts":[{"name":"a","os":"linux","workspace":"w"}]}', 'AW_CATALOG_INVALID'],
])('catalogue: %s', async (_, text, code) => {
  const file = text.startsWith('/') ? text : catalogue(text);
  const result = await fleet.aw([
    'agent',
    'run-everywhere',
    '--hosts',
    file,
    '--output',
    'json',
    '--',
    'true',
  ]);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain(code);
  expect(result.stderr).toContain(file);
  expect(result.stderr).not.toContain('    at ');
  expect(result.stdout.length).toBe(0);
});

test.each([
  [['--host', 'nobody'], 'AW_SELECTOR_NO_MATCH'],
  [['--tag', 'gpu=yes'], 'AW_SELECTOR_NO_MATCH'],
  [['--host', 'lin-[09-01]'], 'AW_SELECTOR_INVALID'],
  [['--tag', 'gpu'], 'AW_SELECTOR_INVALID'],
])('selector %j', async (selector, code) => {
  const result = await fleet.aw(['agent', 'run-everywhere', ...selector, '--', 'true']);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain(code);
});

test('no command at all', async () => {
  const result = await fleet.aw(['agent', 'run-everywhere']);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain('AW_USAGE');
});

/** Something that is not a follower, listening where one is expected. */
async function impostor(name: string, onConnection: (socket: net.Socket) => void) {
  const path = join(fleet.dir, 'sockets', `${name}.sock`);
  const sockets = new Set<net.Socket>();
  const server = net.createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A follower's HTTP/2, with answers of the test's own. */
function answering(routes: Record<string, (stream: http2.ServerHttp2Stream) => void>) {
  return (socket: net.Socket) => {
    const session = http2.performServerHandshake(socket);
    session.on('error', () => {});
    session.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      const path = String(headers[':path']).split('?')[0]!;
      const key = Object.keys(routes).find(route =>
        new RegExp(`^${route}$`).test(`${headers[':method']} ${path}`),
      );
      if (key === undefined) stream.respond({ ':status': 404 }, { endStream: true });
      else routes[key]!(stream);
    });
  };
}

const json =
  (body: unknown, status = 200) =>
  (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': status, 'content-type': 'application/json' });
    stream.end(JSON.stringify(body));
  };
const info = {
  protocol: 1,
  version: '0.1.0',
  os: 'linux',
  arch: 'x64',
  hostname: 'x',
  user: 'x',
  pid: 1,
  agentId: 'x',
  bootId: 'x',
  shells: {},
  now: '2026-11-22T10:00:00.000Z',
};
const lines = (text: string) => (stream: http2.ServerHttp2Stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  stream.end(text);
};
const state = (runId = 'r') => ({
  runId,
  host: 'bad',
  epoch: 'e',
  state: 'running',
  startedAt: '2026-11-22T10:00:00.000Z',
  nextSeq: 0,
});
const event = (fields: object) =>
  `${JSON.stringify({ ts: '2026-11-22T10:00:00.000Z', origin: 'follower', epoch: 'e', host: 'bad', ...fields })}\n`;

test.each<[string, (socket: net.Socket) => void, string]>([
  ['garbage on the wire', socket => void socket.end(randomBytes(4096)), 'AW_PROTOCOL_GARBAGE'],
  ['an SSH banner', socket => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'), 'AW_PROTOCOL_GARBAGE'],
  [
    'a follower of a later protocol',
    answering({ 'GET /v1/info': json({ ...info, protocol: 99 }) }),
    'AW_PROTOCOL_MISMATCH',
  ],
  ['an answer that is no JSON', answering({ 'GET /v1/info': lines('<html>') }), 'AW_PROTOCOL_GARBAGE'],
  [
    'events that are no events',
    answering({
      'GET /v1/info': json(info),
      'POST /v1/runs': json(state(), 201),
      'GET /v1/runs/.*': lines('{"type":1}\n'),
    }),
    'AW_PROTOCOL_GARBAGE',
  ],
  [
    'events of another host',
    answering({
      'GET /v1/info': json(info),
      'POST /v1/runs': json(state(), 201),
      'GET /v1/runs/.*': lines(event({ type: 'hostStarted', seq: 0, host: 'good' })),
    }),
    'AW_PROTOCOL_GARBAGE',
  ],
  [
    'an endless line',
    answering({
      'GET /v1/info': json(info),
      'POST /v1/runs': json(state(), 201),
      'GET /v1/runs/.*': stream => {
        stream.respond({ ':status': 200 });
        const chunk = Buffer.alloc(1024 * 1024, 'x');
        const pump = () => {
          while (!stream.destroyed && stream.write(chunk));
        };
        stream.on('drain', pump);
        pump();
      },
    }),
    'AW_FRAME_TOO_LARGE|AW_PROTOCOL_GARBAGE',
  ],
])('%s', async (name, behave, code) => {
  const bad = await impostor(name.replaceAll(' ', '-'), behave);
  const file = catalogue(
    JSON.stringify({ hosts: [host('good', { shell: 'bash' }), host('bad', { socket: bad.path })] }),
  );
  try {
    const run = await fleet.run(['--hosts', file, '--', 'echo', 'fine']);
    expect(outputOf(run.events, 'good').toString()).toBe('fine\n');
    expect(exitOf(run.events, 'good')).toMatchObject({ code: 0 });
    const exited = exitOf(run.events, 'bad');
    expect(exited.reason).toBe('lost');
    expect(exited.error?.code).toMatch(new RegExp(`^(${code})$`));
    expect(run.events.filter(one => 'host' in one && one.host === 'bad').at(0)?.type).toBe('hostStarted');
    expect(run.code).toBe(4);
  } finally {
    bad.close();
  }
});

test('nobody listens there', async () => {
  const file = catalogue(
    JSON.stringify({ hosts: [host('bad', { socket: join(fleet.dir, 'sockets/none.sock') })] }),
  );
  const run = await fleet.run(['--hosts', file, '--', 'true']);
  expect(exitOf(run.events, 'bad')).toMatchObject({ reason: 'lost', error: { code: 'AW_HOST_UNREACHABLE' } });
  expect(run.code).toBe(4);
});

test('an unknown transport', async () => {
  const file = catalogue(JSON.stringify({ hosts: [host('bad', { transport: 'pigeon' })] }));
  const run = await fleet.run(['--hosts', file, '--', 'true']);
  expect(run.stderr + JSON.stringify(run.events)).toContain('AW_TRANSPORT_UNSUPPORTED');
  expect(run.code).toBe(2);
});
