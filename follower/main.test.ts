import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Info } from '../contract/follower-api.ts';
import { VERSION } from '../contract/version.ts';
import { connectEndpoint, socketPathFor } from '../tunnel/endpoint.ts';
import { openHttp2 } from '../tunnel/http2.ts';
import { lockHolder } from '../tunnel/lock.ts';
import { answerOf, launcher } from './test-support/agent.ts';
import { isRunning, until } from './test-support/scripts.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aw-follower-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function follower(...args: string[]) {
  return spawn(process.execPath, [launcher, ...args], {
    env: { ...process.env, AW_STATE_DIR: directory, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

async function ran(...args: string[]) {
  const child = follower(...args);
  child.stdin.end();
  let out = '';
  let error = '';
  child.stdout.on('data', text => {
    out += text;
  });
  child.stderr.on('data', text => {
    error += text;
  });
  const code = await new Promise(fulfil => child.once('close', fulfil));
  return { code, out, error };
}

test('help and version', async () => {
  expect(await ran('version')).toMatchObject({ code: 0, out: `${VERSION}\n` });
  const help = await ran('--help');
  expect(help.code).toBe(0);
  for (const command of ['serve', 'dial-stdio', 'doctor', 'version']) expect(help.out).toContain(command);
});

test.each([
  [['nonsense'], 'nonsense'],
  [[], 'no command'],
  [['serve', '--no-such-option'], '--no-such-option'],
  [['serve', 'extra'], 'extra'],
  [['dial-stdio', '--listen', '127.0.0.1:1'], '--listen'],
  [['serve', '--listen', '127.0.0.1:0'], '--token-file'],
  [['serve', '--socket', 'a', '--listen', '127.0.0.1:0'], '--listen'],
  [['serve', '--idle-exit', 'soon'], '--idle-exit'],
  [['serve', '--listen', 'nowhere', '--token-file', 'x'], 'nowhere'],
  [['serve', '--listen', '127.0.0.1:0', '--token-file', 'x'], 'token file x'],
])('usage: %j', async (args, problem) => {
  const { code, out, error } = await ran(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(error).toMatch(/^aw-follower: AW_USAGE: /);
  expect(error).toContain(problem);
});

describe.skipIf(process.platform === 'win32')('on POSIX', () => {
  test.each(['0.0.0.0:0', '192.0.2.1:7000', '[::]:0', 'example.com:80'])(
    'will not listen on %s',
    async address => {
      const tokenFile = join(directory, 'token');
      writeFileSync(tokenFile, 'a-token-that-is-long-enough', { mode: 0o600 });
      const { code, error } = await ran('serve', '--listen', address, '--token-file', tokenFile);
      expect(code).toBe(2);
      expect(error).toContain('loopback');
    },
  );

  test.each([
    ['that others can read', 'a-token-that-is-long-enough', 0o644],
    ['that is too short', 'short', 0o600],
  ])('a token file %s', async (_, token, mode) => {
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, token, { mode });
    const { code, error } = await ran('serve', '--listen', '127.0.0.1:0', '--token-file', tokenFile);
    expect({ code, leaked: error.includes(token) && token !== 'short' }).toEqual({ code: 2, leaked: false });
  });

  test('dial-stdio starts the agent, carries the protocol, and leaves the agent running', async () => {
    const stateDir = join(directory, 'follower');
    const ask = async () => {
      const bridge = follower('dial-stdio');
      const pair: unknown = { readable: bridge.stdout, writable: bridge.stdin };
      const session = await openHttp2(Duplex.from(pair as Iterable<never>));
      const { body } = await answerOf(session.request({ ':path': '/v1/info' }));
      session.destroy();
      bridge.stdin.end();
      expect(await new Promise(fulfil => bridge.once('close', fulfil))).toBe(0);
      return Info.parse(body);
    };
    const first = await ask();
    const second = await ask();
    expect(second.agentId).toBe(first.agentId);
    expect(lockHolder(join(stateDir, 'agent.lock'))).toBe(first.pid);

    const doctor = await ran('doctor', '--cwd', '/no/such/place');
    expect(doctor.code).toBe(4);
    expect(doctor.out).toMatch(/^FAIL {2}workspace/m);
    const sound = await ran('doctor', '--cwd', directory, '--json');
    expect(JSON.parse(sound.out).info.agentId).toBe(first.agentId);

    const path = socketPathFor(stateDir);
    const session = await openHttp2(await connectEndpoint({ kind: 'socket', path }, { timeoutMs: 5000 }));
    await answerOf(session.request({ ':method': 'POST', ':path': '/v1/shutdown' }));
    await until(() => !isRunning(first.pid) && !existsSync(path));
    session.destroy();
  });

  test('an agent that cannot start says why', async () => {
    writeFileSync(join(directory, 'follower'), 'a file where the directory should be');
    const { code, error } = await ran('serve');
    expect(code).toBe(4);
    expect(error).toMatch(/^aw-follower: AW_DISK: .*\n$/);
    const dial = await ran('dial-stdio');
    expect(dial.code).toBe(4);
    expect(dial.error).toMatch(/^aw-follower: AW_DISK: /);
  });
});
