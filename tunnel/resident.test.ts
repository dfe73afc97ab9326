import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectOrStart, residentEnvironment } from './resident.ts';

/** Listens, counts its starts in a file, echoes, and ends when the first connection has ended. */
const AGENT = `
  const fs = require('node:fs');
  const [socket, starts] = process.argv.slice(1);
  fs.appendFileSync(starts, process.pid + '\\n');
  const server = require('node:net').createServer(peer => {
    peer.on('error', () => {}).pipe(peer);
    peer.on('close', () => process.exit());
  });
  fs.rmSync(socket, { force: true });
  setTimeout(() => server.listen(socket), 100);
  setTimeout(() => process.exit(), 30000).unref();`;

describe.skipIf(process.platform === 'win32')('an agent that is started when needed', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'aw-resident-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const options = (program = AGENT, timeoutMs = 20_000) => {
    const path = join(directory, 'agent.sock');
    return {
      endpoint: { kind: 'socket' as const, path },
      timeoutMs,
      start: {
        file: process.execPath,
        args: ['-e', program, path, join(directory, 'starts')],
        env: residentEnvironment(),
        cwd: directory,
        logFile: join(directory, 'logs', 'agent.log'),
      },
    };
  };
  const starts = () => readFileSync(join(directory, 'starts'), 'utf8').trim().split('\n');
  const ended = (socket: net.Socket) =>
    new Promise(fulfil => {
      socket.once('close', fulfil);
      socket.destroy();
    });

  test('it is started once for all who come at the same time, and found by who comes later', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => connectOrStart(options())));
    expect(all.filter(({ started }) => started)).toHaveLength(1);
    expect(starts()).toHaveLength(1);
    const later = await connectOrStart(options());
    expect(later.started).toBe(false);
    const [first] = all;
    first!.socket.write('echo');
    expect(String(await new Promise(fulfil => first!.socket.once('data', fulfil)))).toBe('echo');
    await Promise.all([...all, later].map(({ socket }) => ended(socket)));
  });

  test('a socket that a dead agent left behind', async () => {
    const { socket } = await connectOrStart(options());
    await ended(socket);
    const pid = Number(starts()[0]);
    while (isThere(pid)) await new Promise(fulfil => setTimeout(fulfil, 5));
    expect(existsSync(options().endpoint.path)).toBe(true);
    const again = await connectOrStart(options());
    expect(again.started).toBe(true);
    await ended(again.socket);
  });

  test('one that cannot start: the last line of its log', async () => {
    const program = 'console.error("first\\nit is\\u001b broken"); process.exit(3)';
    await expect(connectOrStart(options(program))).rejects.toMatchObject({
      code: 'AW_AGENT_START_FAILED',
      message: expect.stringContaining('it is\\u001b broken'),
      remedy: expect.stringContaining('agent.log'),
    });
    await expect(connectOrStart(options('process.exit(3)'))).rejects.toMatchObject({
      message: expect.stringContaining('code 3'),
    });
  });

  test('one that never listens', async () => {
    const program = 'setTimeout(() => {}, 1500)';
    await expect(connectOrStart(options(program, 300))).rejects.toMatchObject({
      code: 'AW_AGENT_START_FAILED',
    });
  });

  test('one that nobody wants any more is waited for until it can be found', async () => {
    const controller = new AbortController();
    const coming = connectOrStart({ ...options(), signal: controller.signal });
    while (!existsSync(join(directory, 'starts'))) await new Promise(fulfil => setTimeout(fulfil, 5));
    controller.abort();
    await expect(coming).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(options().endpoint.path)).toBe(true);
    const pid = Number(starts()[0]);
    // It ends with its first connection, which was the one that nobody wanted.
    while (isThere(pid)) await new Promise(fulfil => setTimeout(fulfil, 5));
  });

  test('one that nobody wants any more and that never listens is ended', async () => {
    const controller = new AbortController();
    const started = join(directory, 'starts');
    const program = `require('node:fs').writeFileSync(process.argv[2], String(process.pid)); setTimeout(() => {}, 60000)`;
    const coming = connectOrStart({ ...options(program), signal: controller.signal });
    while (!existsSync(started) || starts()[0] === '') await new Promise(fulfil => setTimeout(fulfil, 5));
    controller.abort();
    await expect(coming).rejects.toMatchObject({ code: 'AW_AGENT_START_FAILED' });
    const pid = Number(starts()[0]);
    while (isThere(pid)) await new Promise(fulfil => setTimeout(fulfil, 5));
  });

  test('no program to start', async () => {
    const broken = options();
    broken.start.file = '/no/such/program';
    await expect(connectOrStart(broken)).rejects.toMatchObject({ code: 'AW_AGENT_START_FAILED' });
  });
});

/** Also a zombie is there: its threads may still hold its socket. */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('an agent gets nothing of the environment of whoever starts it', () => {
  const env = residentEnvironment({
    HOME: '/h',
    LANG: 'C',
    LC_ALL: 'C',
    SECRET: 'x',
    PATH: '/evil',
    AW_RUN_ID: 'r',
    NODE_OPTIONS: '-r x',
  });
  if (process.platform === 'win32') return expect(env).toEqual({ PATH: '/evil' });
  expect(env).toEqual({
    HOME: '/h',
    LANG: 'C',
    LC_ALL: 'C',
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  });
});
