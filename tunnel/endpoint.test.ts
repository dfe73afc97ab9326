import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { connectEndpoint, formatEndpoint, parseEndpoint, socketPathFor } from './endpoint.ts';

const temporary: string[] = [];
const directory = () => {
  const path = mkdtempSync(join(tmpdir(), 'aw-endpoint-'));
  temporary.push(path);
  return path;
};
afterEach(() => {
  vi.unstubAllEnvs();
  for (const path of temporary.splice(0)) rmSync(path, { recursive: true, force: true });
});

test.each([
  ['/run/x.sock', { kind: 'socket', path: '/run/x.sock' }],
  ['\\\\.\\pipe\\x', { kind: 'socket', path: '\\\\.\\pipe\\x' }],
  ['tcp://127.0.0.1:7', { kind: 'tcp', host: '127.0.0.1', port: 7 }],
  ['tcp://[::1]:65535', { kind: 'tcp', host: '::1', port: 65535 }],
])('%s', (text, endpoint) => {
  expect(parseEndpoint(text)).toEqual(endpoint);
  expect(formatEndpoint(parseEndpoint(text))).toBe(text);
});

test.each(['tcp://', 'tcp://x', 'tcp://x:0', 'tcp://x:65536', 'tcp://a:b:1', 'tcp://x:1/path'])(
  '%s is none',
  text => {
    expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: 'AW_USAGE' }));
  },
);

test('nobody listens', async () => {
  const path = join(directory(), 'nobody.sock');
  await expect(connectEndpoint({ kind: 'socket', path }, { timeoutMs: 5000 })).rejects.toMatchObject({
    code: 'AW_HOST_UNREACHABLE',
    cause: { code: 'ENOENT' },
  });
});

test('giving up', async () => {
  const path = join(directory(), 'x.sock');
  const signal = AbortSignal.abort();
  await expect(connectEndpoint({ kind: 'socket', path }, { timeoutMs: 5000, signal })).rejects.toMatchObject({
    code: 'AW_HOST_UNREACHABLE',
    message: expect.stringContaining('given up'),
  });
});

test.skipIf(process.platform === 'win32')(
  'a long state directory has a short, private socket that works',
  async () => {
    const runtime = directory();
    vi.stubEnv('XDG_RUNTIME_DIR', runtime);
    const short = join(directory(), 'state');
    expect(socketPathFor(short)).toBe(join(short, 'agent.sock'));
    const long = join(short, 'x'.repeat(120));
    const path = socketPathFor(long);
    expect(path.startsWith(runtime)).toBe(true);
    expect(socketPathFor(long)).toBe(path);
    expect(socketPathFor(`${long}y`)).not.toBe(path);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    const server = net.createServer().listen(path);
    const socket = await connectEndpoint({ kind: 'socket', path }, { timeoutMs: 5000 });
    socket.destroy();
    await new Promise(fulfil => server.close(fulfil));
  },
);

test.skipIf(process.platform === 'win32')('a directory that others can enter is not used', () => {
  const runtime = directory();
  vi.stubEnv('XDG_RUNTIME_DIR', runtime);
  mkdirSync(join(runtime, `agents-workflow-${process.getuid!()}`), { mode: 0o755 });
  expect(() => socketPathFor(`/${'x'.repeat(120)}`)).toThrow(expect.objectContaining({ code: 'AW_DISK' }));
});
