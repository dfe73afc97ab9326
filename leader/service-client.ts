/** The service's API, typed. */
import { z } from 'zod';
import { Follower, IngestResult, ScopedToken, Session, type SessionInput } from '../contract/service-api.ts';
import { readEvents, type StoredEvent } from './service-events.ts';
import { baseUrl, createRequests, parseAnswer, unreachable } from './service-http.ts';

export interface ServiceAddress {
  /** Of the service, without `/api/v1`. */
  url: string;
  token?: string;
}

export interface EventsOptions {
  /** Begin after this id; default 0, the beginning. */
  after?: number;
  /** False: end after what is stored now. Default true: go on, also over lost connections, until `signal` or a break. */
  follow?: boolean;
  signal?: AbortSignal;
}

export interface LogFilter {
  host?: string;
  stream?: 'stdout' | 'stderr';
  run?: string;
}

/** Every method throws AW_SERVICE_UNREACHABLE, or the error that the service answered. */
export interface ServiceClient {
  readonly url: string;
  health(): Promise<void>;
  version(): Promise<{ version: string; protocol: number }>;
  createSession(input: SessionInput): Promise<Session>;
  sessions(): Promise<Session[]>;
  session(id: string): Promise<Session>;
  /** A token that can only report events of one host in one session. */
  createToken(sessionId: string, host: string): Promise<ScopedToken>;
  /** @param ndjson events, one a line, at most `MAX_INGEST` bytes and `MAX_INGEST_EVENTS` lines */
  ingest(sessionId: string, ndjson: Uint8Array, signal?: AbortSignal): Promise<IngestResult>;
  events(sessionId: string, options?: EventsOptions): AsyncGenerator<StoredEvent>;
  /** The raw bytes of the output. */
  logs(sessionId: string, filter?: LogFilter): AsyncGenerator<Uint8Array>;
  followers(): Promise<Follower[]>;
}

/** A batch may be large and the disk of the service slow. */
const INGEST_ANSWER = 60_000;

/** Makes no connection yet. @throws AW_USAGE when `url` is none */
export function serviceClient({ url, token }: ServiceAddress): ServiceClient {
  const base = baseUrl(url);
  const requests = createRequests(base, token);
  const get = async <S extends z.ZodType>(path: string, schema: S) =>
    parseAnswer(await requests.text(path), schema);
  const post = async <S extends z.ZodType>(path: string, body: unknown, schema: S) => {
    const headers = { 'content-type': 'application/json' };
    return parseAnswer(
      await requests.text(path, { method: 'POST', body: JSON.stringify(body), headers }),
      schema,
    );
  };
  const sessionPath = (id: string) => `/sessions/${encodeURIComponent(id)}`;

  return {
    url: base,
    async health() {
      await get('/health', z.looseObject({ status: z.literal('ok') }));
    },
    version: () => get('/version', z.looseObject({ version: z.string(), protocol: z.int() })),
    createSession: input => post('/sessions', input, Session),
    sessions: async () => (await get('/sessions', z.looseObject({ sessions: z.array(Session) }))).sessions,
    session: id => get(sessionPath(id), Session),
    createToken: (sessionId, host) => post(`${sessionPath(sessionId)}/tokens`, { host }, ScopedToken),
    async ingest(sessionId, ndjson, signal) {
      const answer = await requests.text(`${sessionPath(sessionId)}/events/ingest`, {
        method: 'POST',
        body: ndjson,
        headers: { 'content-type': 'application/x-ndjson' },
        timeoutMs: INGEST_ANSWER,
        ...(signal === undefined ? {} : { signal }),
      });
      return parseAnswer(answer, IngestResult);
    },
    events(sessionId, { after = 0, follow = true, signal } = {}) {
      const path = `${sessionPath(sessionId)}/events${follow ? '' : '?follow=0'}`;
      return readEvents((headers, abort) => requests.stream(path, { headers, signal: abort }), {
        url: base,
        after,
        follow,
        signal,
      });
    },
    async *logs(sessionId, filter = {}) {
      const query = new URLSearchParams(Object.entries(filter));
      const answer = await requests.stream(`${sessionPath(sessionId)}/logs?${query}`);
      try {
        yield* answer;
      } catch (error) {
        throw unreachable(base, error);
      }
    },
    followers: async () =>
      (await get('/followers', z.looseObject({ followers: z.array(Follower) }))).followers,
  };
}
