/** A real service on loopback for one test, with the few calls that tests make over and over. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { IngestResult, ScopedToken } from '../../contract/service-api.ts';
import { type ServerOptions, startServer } from '../index.ts';

export const KEY = 'an-admin-key-of-a-test';

export interface TestService {
  readonly url: string;
  /** `path` is below `/api/v1`. A body that is not a string is sent as JSON. */
  call(path: string, options?: CallOptions): Promise<Response>;
  createSession(id: string): Promise<void>;
  ingest(session: string, events: readonly object[]): Promise<IngestResult>;
  token(session: string, host: string): Promise<string>;
  close(): Promise<void>;
}

export interface CallOptions {
  method?: string;
  body?: unknown;
  type?: string;
  /** Null: none. Default: the admin key when the service has one. */
  token?: string | null;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A directory that goes with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'aw-server-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file with the admin key, as a service accepts it. */
export function keyFile(text = KEY, mode = 0o600): string {
  const path = join(temporaryDirectory(), 'key');
  writeFileSync(path, text, { mode });
  return path;
}

export async function testService(options: Partial<ServerOptions> = {}): Promise<TestService> {
  const failures: string[] = [];
  const log = (message: string) => failures.push(message);
  const server = await startServer({ db: ':memory:', log, ...options });
  onTestFinished(async () => {
    await server.close();
    if (failures.length > 0) throw new Error(`the service failed:\n${failures.join('\n')}`);
  });
  return client(server.url, options.tokenFile === undefined ? null : KEY, () => server.close());
}

export function client(url: string, key: string | null, close: () => Promise<void>): TestService {
  const call: TestService['call'] = (path, { method, body, type, token = key, headers = {}, signal } = {}) =>
    fetch(`${url}/api/v1${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(body === undefined ? {} : { 'content-type': type ?? 'application/json' }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: asBody(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  const json = async <T>(response: Response, status: number): Promise<T> => {
    if (response.status !== status) throw new Error(`${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    url,
    call,
    createSession: async id => json(await call('/sessions', { body: { id } }), 201),
    ingest: async (session, events) =>
      json(await call(`/sessions/${session}/events/ingest`, { body: { events } }), 200),
    token: async (session, host) =>
      (await json<ScopedToken>(await call(`/sessions/${session}/tokens`, { body: { host } }), 201)).token,
    close,
  };
}

function asBody(body: unknown): string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string'
    ? body
    : Buffer.isBuffer(body)
      ? Uint8Array.from(body)
      : JSON.stringify(body);
}
