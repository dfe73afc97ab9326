/** One bad follower among good ones: it is told apart, and harms nobody else. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AwError } from '../contract/errors.ts';
import { HostEntry } from '../contract/hosts.ts';
import { MAX_LINE } from '../contract/limits.ts';
import { connectFollower } from './follower-client.ts';
import { startRun } from './run-everywhere/start.ts';
import { type FakeFollower, startFakeFollower } from './test-support/fake-follower.ts';

let root: string;
let bad: FakeFollower;
let good: FakeFollower;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'aw-client-'));
  bad = await startFakeFollower('bad', root);
  good = await startFakeFollower('good', root);
  good.onRun = async run => {
    run.start();
    for (let n = 0; n < 20; n++) {
      run.log(`${n}`);
      await sleep(5);
    }
    run.exit();
  };
});
afterEach(async () => {
  await bad.close();
  await good.close();
  rmSync(root, { recursive: true });
});

const context = () => ({ stateDir: join(root, 'state'), timeoutMs: 2000, start: true });
const connectError = (host = bad.host): Promise<AwError> =>
  connectFollower(host, context()).then(
    () => Promise.reject(new Error('connected')),
    error => error,
  );
const runBoth = async () => {
  const run = await startRun(
    {
      hosts: [bad.host, good.host],
      project: root,
      cwd: root,
      command: { kind: 'argv', argv: ['x'] },
      env: {},
      onLeaderLoss: 'continue',
      mapOutput: false,
      expandWorkspace: false,
      detach: false,
    },
    { stateDir: join(root, 'state'), timing: { reconnect: 300, connect: 1000 } },
  );
  const fromGood = [];
  for await (const event of run.events) if ('host' in event && event.host === 'good') fromGood.push(event);
  const { hosts } = await run.outcome;
  expect(fromGood).toHaveLength(22);
  expect(hosts.good).toMatchObject({ verdict: 'passed' });
  return hosts.bad!;
};

test('info, round trip and clock', async () => {
  const client = await connectFollower(good.host, context());
  expect(client.info).toMatchObject({ hostname: 'fake', os: 'linux' });
  expect(client.rttMs).toBeGreaterThan(0);
  expect(Math.abs(client.clockSkewMs)).toBeLessThan(1000);
  expect(await client.ping()).toBeGreaterThan(0);
  expect(await client.runs()).toEqual([]);
  expect((await client.doctor()).findings).toEqual([]);
  client.close();
  await client.closed;
  await expect(client.runs()).rejects.toMatchObject({ code: 'AW_HOST_UNREACHABLE', host: 'good' });
});

test('another protocol is told before anything else of it is looked at', async () => {
  bad.info = { protocol: 2, version: '9.9.9', shells: 'another shape' };
  const error = await connectError();
  expect(error).toMatchObject({ code: 'AW_PROTOCOL_MISMATCH', host: 'bad' });
  expect(error.message).toContain('9.9.9');
  expect(await runBoth()).toMatchObject({ reason: 'lost', error: { code: 'AW_PROTOCOL_MISMATCH' } });
});

test('another kind of machine than the catalogue says', async () => {
  bad.info.os = 'windows';
  expect(await connectError()).toMatchObject({ code: 'AW_HOST_OS_MISMATCH' });
  bad.info.os = 'macos';
  (await connectFollower(bad.host, context())).close();
});

test.each<[string, (fake: FakeFollower) => void]>([
  [
    'text instead of HTTP/2',
    fake => (fake.onConnection = socket => !socket.write('Welcome to bad!\nlogin: ')),
  ],
  ['no info', fake => (fake.info = { hello: 'world' })],
  ['half an info', fake => (fake.info = { protocol: 1, version: '1' })],
  [
    'an answer without end',
    fake => {
      fake.intercept = stream => {
        stream.respond({ ':status': 200 });
        const fill = () => {
          while (!stream.destroyed && stream.write('x'.repeat(65536)));
        };
        stream.on('drain', fill);
        fill();
        return true;
      };
    },
  ],
  [
    'an error page',
    fake => {
      fake.intercept = stream => {
        stream.respond({ ':status': 500 });
        stream.end('<html>');
        return true;
      };
    },
  ],
])('connecting to something else: %s', async (_, spoil) => {
  spoil(bad);
  expect(await connectError()).toMatchObject({ code: 'AW_PROTOCOL_GARBAGE', host: 'bad' });
  expect(await runBoth()).toMatchObject({ reason: 'lost', error: { code: 'AW_PROTOCOL_GARBAGE' } });
});

test('an agent that was just ending: the next connection gets another one', async () => {
  let connections = 0;
  bad.onConnection = socket => {
    if (++connections > 2) return true;
    socket.destroy();
    return false;
  };
  expect(await runBoth()).toMatchObject({ verdict: 'passed' });
  connections = -100;
  expect(await connectError()).toMatchObject({ code: 'AW_HOST_UNREACHABLE' });
  expect(connections).toBeLessThan(-90);
});

test('one that accepts and says nothing holds up only itself', async () => {
  bad.onConnection = () => false;
  expect(await runBoth()).toMatchObject({ reason: 'lost', error: { code: 'AW_HOST_UNREACHABLE' } });
});

test.each<[string, string]>([
  ['no JSON', 'Segmentation fault'],
  [
    'another host',
    '{"type":"hostLog","ts":"2026-11-22T10:00:00.000Z","origin":"follower","epoch":"e","seq":1,"runId":"r","host":"good","stream":"stdout","message":"x"}',
  ],
  ['a line without end', 'x'.repeat(MAX_LINE + 2)],
])('a journal with %s', async (_, line) => {
  bad.onRun = run => {
    run.start();
    run.raw(line);
  };
  expect(await runBoth()).toMatchObject({ reason: 'lost', error: { code: 'AW_PROTOCOL_GARBAGE' } });
});

test('a stream that always ends without an end', async () => {
  bad.onRun = run => run.start();
  bad.intercept = (stream, headers) => {
    if (headers[':path']?.includes('/events?from=0')) setTimeout(() => bad.dropConnections(), 50);
    if (!headers[':path']?.includes('/events?from=1')) return false;
    stream.respond({ ':status': 200 });
    stream.end();
    return true;
  };
  expect(await runBoth()).toMatchObject({ reason: 'lost', error: { code: 'AW_RUN_LOST' } });
});

test('half a line before the connection breaks is never taken for one', async () => {
  bad.onRun = run => run.start();
  let streams = 0;
  bad.intercept = (stream, headers) => {
    if (!headers[':path']?.includes('/events')) return false;
    if (++streams > 1) return false;
    stream.respond({ ':status': 200 });
    const [run] = [...bad.runs.values()];
    stream.write(`${run!.lines[0]}\n{"type":"hostExited","code":`);
    setTimeout(() => {
      run!.exit();
      bad.dropConnections();
    }, 20);
    return true;
  };
  expect(await runBoth()).toMatchObject({ verdict: 'passed' });
});

test('the token of a file that is nobody else’s goes with every request', async () => {
  const tokenFile = join(root, 'token');
  const seen: unknown[] = [];
  good.intercept = (_, headers) => {
    seen.push(headers.authorization);
    return false;
  };
  const host = HostEntry.parse({ ...good.host, tokenFile });
  expect(await connectError(host)).toMatchObject({ code: 'AW_TOKEN_FILE' });
  writeFileSync(tokenFile, 's3cret\n', { mode: 0o600 });
  const client = await connectFollower(host, context());
  await client.runs();
  client.close();
  expect(seen).toEqual(['Bearer s3cret', 'Bearer s3cret']);
  chmodSync(tokenFile, 0o644);
  expect(await connectError(host)).toMatchObject({ code: 'AW_TOKEN_FILE' });
  writeFileSync(tokenFile, 'two words');
  chmodSync(tokenFile, 0o600);
  expect(await connectError(host)).toMatchObject({ code: 'AW_TOKEN_FILE' });
});
