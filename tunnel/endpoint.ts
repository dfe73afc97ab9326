/** Where an agent listens, and how to get a byte stream to it. */
import { lstatSync, mkdirSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AwError, show } from '../contract/errors.ts';

/** `socket`: a Unix socket or a Windows named pipe. */
export type Endpoint = { kind: 'socket'; path: string } | { kind: 'tcp'; host: string; port: number };

/** Unix socket addresses hold 104 bytes on macOS and 108 on Linux, with the final NUL. */
const MAX_SOCKET_PATH = 100;

/**
 * `tcp://127.0.0.1:PORT` or `tcp://[::1]:PORT`; anything else is the path of a socket.
 * @throws AW_USAGE for a `tcp://` address that is not one.
 */
export function parseEndpoint(text: string): Endpoint {
  if (!text.startsWith('tcp://')) return { kind: 'socket', path: text };
  const match = /^tcp:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})\/?$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65535) {
    const problem = `${show(text)} is not an address: tcp://HOST:PORT is`;
    throw new AwError('AW_USAGE', { problem, command: 'aw' });
  }
  return { kind: 'tcp', host, port };
}

/** As `parseEndpoint` reads it. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'socket') return endpoint.path;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `tcp://${host}:${endpoint.port}`;
}

/**
 * Connects. The caller owns the socket.
 * @throws AW_HOST_UNREACHABLE; its `cause` is the system's error, if there was one.
 */
export function connectEndpoint(
  endpoint: Endpoint,
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<net.Socket> {
  return new Promise((fulfil, reject) => {
    const { timeoutMs, signal } = options;
    const socket =
      endpoint.kind === 'socket'
        ? net.connect({ path: endpoint.path })
        : net.connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeListener('connect', onConnect);
      socket.removeListener('error', onError);
      act();
    };
    const fail = (reason: string, cause?: unknown) =>
      settle(() => {
        // A late error of a socket that is given up must not end the process.
        socket.on('error', () => {});
        socket.destroy();
        reject(new AwError('AW_HOST_UNREACHABLE', { reason }, { cause }));
      });
    const at = formatEndpoint(endpoint);
    const onConnect = () => settle(() => fulfil(socket));
    const onError = (error: NodeJS.ErrnoException) => fail(`${at}: ${error.code ?? error.message}`, error);
    const onAbort = () => fail(`${at}: given up`, signal?.reason);
    const timer = setTimeout(() => fail(`${at}: no answer within ${timeoutMs} ms`), timeoutMs);
    socket.once('connect', onConnect);
    socket.once('error', onError);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Where the agent of a state directory listens: inside it, or in a private directory of this user when that path is too
 * long for a socket address. On Windows a named pipe. The same state directory always gives the same path.
 * @throws AW_DISK when the private directory belongs to somebody else or others can enter it.
 */
export function socketPathFor(stateDir: string): string {
  const directory = resolve(stateDir);
  const inside = join(directory, 'agent.sock');
  if (process.platform !== 'win32' && Buffer.byteLength(inside) <= MAX_SOCKET_PATH) return inside;
  // Not imported: what few paths need would cost every command as much as four modules of its own.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  if (process.platform === 'win32') return `\\\\.\\pipe\\agents-workflow-${digest}`;
  return privateSocketPath(`${digest}.sock`);
}

/**
 * In a directory that only this user can enter. Short enough for a socket address, even with `spare` more bytes behind it.
 * @throws AW_DISK when that directory belongs to somebody else or others can enter it.
 */
export function privateSocketPath(name: string, spare = 0): string {
  const parents = [process.env.XDG_RUNTIME_DIR, tmpdir(), '/tmp'].filter(parent => parent?.startsWith('/'));
  const paths = parents.map(parent => join(parent!, `agents-workflow-${process.getuid?.()}`, name));
  const path = paths.find(candidate => Buffer.byteLength(candidate) + spare <= MAX_SOCKET_PATH)!;
  ensurePrivate(join(path, '..'));
  return path;
}

function ensurePrivate(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code, message: reason } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new AwError('AW_DISK', { path: directory, reason }, { cause: error });
  }
  refuseShared(directory);
}

/**
 * Makes sure that nobody else can have put a socket into a directory, which exists.
 * @throws AW_DISK when it belongs to somebody else or others can enter it.
 */
export function refuseShared(directory: string): void {
  const refuse = (reason: string) => new AwError('AW_DISK', { path: directory, reason });
  const stat = lstatSync(directory);
  if (!stat.isDirectory()) throw refuse('it is not a directory');
  if (stat.uid !== process.getuid?.()) throw refuse('it belongs to another user');
  if ((stat.mode & 0o077) !== 0) throw refuse('other users can enter it; chmod 700 it');
}
