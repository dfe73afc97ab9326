/** The follower API, typed, over one connection. */
import { readFileSync, statSync } from 'node:fs';
import http2 from 'node:http2';
import type { Duplex, Readable } from 'node:stream';
import { z } from 'zod';
import { AwError, asAwError, show } from '../contract/errors.ts';
import {
  DoctorReport,
  Info,
  type RunRequestInput,
  RunState,
  type SignalRequest,
} from '../contract/follower-api.ts';
import type { HostEntry } from '../contract/hosts.ts';
import { PROTOCOL } from '../contract/version.ts';
import { openHttp2 } from '../tunnel/http2.ts';
import { decodeLines } from '../tunnel/ndjson.ts';
import { createRequester, garbage } from './follower-http.ts';
import type { Journal, JournalItem } from './journal.ts';
import { openTransport, type TransportContext } from './transports/index.ts';

/** Milliseconds to the answer. A doctor looks at toolchains, and a start may have to read a login environment first. */
const ANSWER = 10_000;
const SLOW_ANSWER = 60_000;
/** A connection that answers no ping for `PING_LIMIT` is dead, whatever the kernel thinks of it. */
const PING_EVERY = 3_000;
const PING_LIMIT = 10_000;

/** Every method throws an `AwError` that names the host; AW_HOST_UNREACHABLE when the connection broke. */
export interface FollowerClient {
  readonly info: Info;
  /** Of `GET /v1/info`: milliseconds to the answer, and how far the follower's clock is ahead of this one's. */
  readonly rttMs: number;
  readonly clockSkewMs: number;
  startRun(request: RunRequestInput, signal?: AbortSignal): Promise<RunState>;
  runs(): Promise<RunState[]>;
  run(runId: string): Promise<RunState>;
  /**
   * The journal's events from `journal.nextSeq` on, live; read only as fast as they are consumed. Ends after `hostExited`;
   * a stream that ends before is AW_HOST_UNREACHABLE. `lead`: the follower may end the run when this stream is gone.
   */
  events(journal: Journal, options: { lead: boolean; signal?: AbortSignal }): AsyncGenerator<JournalItem>;
  signal(runId: string, request: z.input<typeof SignalRequest>): Promise<RunState>;
  /** Resolves when the follower has taken all of it. */
  sendInput(runId: string, source: Readable): Promise<void>;
  doctor(): Promise<DoctorReport>;
  shutdown(options: { force: boolean }): Promise<void>;
  /** Round trip in milliseconds. */
  ping(): Promise<number>;
  /** When the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  close(): void;
}

/**
 * Connects and makes sure that a follower of this protocol and of the catalogue's OS is at the other end.
 * @throws AW_PROTOCOL_MISMATCH, AW_HOST_OS_MISMATCH, AW_TOKEN_FILE and what the transport throws.
 */
export async function connectFollower(host: HostEntry, context: TransportContext): Promise<FollowerClient> {
  try {
    const headers =
      host.tokenFile === undefined ? {} : { authorization: `Bearer ${readToken(host.tokenFile)}` };
    const duplex = await openTransport(host, context);
    return await introduce(await handshake(duplex, context), host, headers, context.signal);
  } catch (error) {
    throw asAwError(error, host.name);
  }
}

/** Whoever accepts a connection and then says nothing must not hold up more than its own host, nor a cancel. */
async function handshake(
  duplex: Duplex,
  { signal, timeoutMs }: TransportContext,
): Promise<http2.ClientHttp2Session> {
  const end = () => duplex.destroy();
  const timer = setTimeout(end, timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  try {
    if (signal?.aborted) end();
    return await openHttp2(duplex);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

async function introduce(
  session: http2.ClientHttp2Session,
  host: HostEntry,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<FollowerClient> {
  const closed = new Promise<void>(fulfil => session.once('close', () => fulfil()));
  const watch = watchConnection(session);
  void closed.then(() => clearInterval(watch));
  try {
    const requester = createRequester(session, headers);
    const sentAt = Date.now();
    const start = performance.now();
    const answer = await requester.json(z.looseObject({ protocol: z.int(), version: z.string() }), {
      method: 'GET',
      path: '/v1/info',
      timeoutMs: ANSWER,
      ...(signal === undefined ? {} : { signal }),
    });
    const rttMs = performance.now() - start;
    const info = checkInfo(answer, host);
    const clockSkewMs = Date.parse(info.now) - (sentAt + rttMs / 2);
    return { ...createClient(session, requester, host.name), info, rttMs, clockSkewMs, closed };
  } catch (error) {
    session.destroy();
    throw error;
  }
}

function createClient(
  session: http2.ClientHttp2Session,
  requester: ReturnType<typeof createRequester>,
  host: string,
): Omit<FollowerClient, 'info' | 'rttMs' | 'clockSkewMs' | 'closed'> {
  const named = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw asAwError(error, host);
    }
  };
  const runPath = (runId: string) => `/v1/runs/${encodeURIComponent(runId)}`;

  return {
    startRun: (request, signal) =>
      named(
        requester.json(RunState, {
          method: 'POST',
          path: '/v1/runs',
          json: request,
          timeoutMs: SLOW_ANSWER,
          ...(signal === undefined ? {} : { signal }),
        }),
      ),
    runs: () =>
      named(
        requester
          .json(z.looseObject({ runs: z.array(RunState) }), {
            method: 'GET',
            path: '/v1/runs',
            timeoutMs: ANSWER,
          })
          .then(({ runs }) => runs),
      ),
    run: runId => named(requester.json(RunState, { method: 'GET', path: runPath(runId), timeoutMs: ANSWER })),
    async *events(journal, { lead, signal }) {
      try {
        const stream = await requester.stream({
          method: 'GET',
          path: `${runPath(journal.runId)}/events?from=${journal.nextSeq}${lead ? '&lead=1' : ''}`,
          timeoutMs: SLOW_ANSWER,
          ...(signal === undefined ? {} : { signal }),
        });
        yield* readJournal(stream, journal);
      } catch (error) {
        throw asAwError(error, host);
      }
    },
    signal: (runId, request) =>
      named(
        requester.json(RunState, {
          method: 'POST',
          path: `${runPath(runId)}/signal`,
          json: request,
          timeoutMs: ANSWER,
        }),
      ),
    sendInput: (runId, source) =>
      named(
        requester.done({ method: 'POST', path: `${runPath(runId)}/stdin`, source, timeoutMs: SLOW_ANSWER }),
      ),
    doctor: () =>
      named(requester.json(DoctorReport, { method: 'GET', path: '/v1/doctor', timeoutMs: SLOW_ANSWER })),
    shutdown: ({ force }) =>
      named(
        requester.done({
          method: 'POST',
          path: `/v1/shutdown${force ? '?force=1' : ''}`,
          timeoutMs: ANSWER,
        }),
      ),
    ping: () => named(ping(session)),
    close: () => session.destroy(),
  };
}

async function* readJournal(stream: http2.ClientHttp2Stream, journal: Journal): AsyncGenerator<JournalItem> {
  try {
    for await (const line of decodeLines(wholeStream(stream))) {
      yield journal.read(line);
      if (journal.exited !== undefined) return;
    }
  } catch (error) {
    if (!(error instanceof AwError)) throw cutOff(error);
    throw error.code === 'AW_FRAME_TOO_LARGE' ? garbage(error.message, error) : error;
  } finally {
    stream.close(http2.constants.NGHTTP2_CANCEL);
  }
  throw cutOff();
}

/** Fails where a stream was cut, so that half a line is never taken for a last one. */
async function* wholeStream(stream: http2.ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk;
  if (stream.aborted || stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) throw cutOff();
}

function cutOff(cause?: unknown) {
  return new AwError('AW_HOST_UNREACHABLE', { reason: 'the event stream was cut off' }, { cause });
}

/** Destroys the session when its peer answers no ping: a stopped agent or a dead link keeps a socket open for hours. */
function watchConnection(session: http2.ClientHttp2Session): NodeJS.Timeout {
  let unanswered: number | undefined;
  return setInterval(() => {
    if (unanswered !== undefined) {
      if (performance.now() - unanswered > PING_LIMIT) {
        session.destroy(new Error(`no sign of life for ${PING_LIMIT} ms`));
      }
      return;
    }
    unanswered = performance.now();
    ping(session).then(
      () => {
        unanswered = undefined;
      },
      () => {},
    );
  }, PING_EVERY);
}

function ping(session: http2.ClientHttp2Session): Promise<number> {
  return new Promise((fulfil, reject) => {
    const fail = (error?: Error) =>
      reject(
        new AwError(
          'AW_HOST_UNREACHABLE',
          { reason: error?.message ?? 'the connection is closed' },
          { cause: error },
        ),
      );
    if (session.destroyed || session.closed) return fail();
    session.ping((error, duration) => (error === null ? fulfil(duration) : fail(error)));
  });
}

/** The version is compared before the rest is looked at, which another version may have in another shape. */
function checkInfo(answer: { protocol: number; version: string }, host: HostEntry): Info {
  if (answer.protocol !== PROTOCOL) {
    throw new AwError('AW_PROTOCOL_MISMATCH', {
      theirs: answer.protocol,
      version: show(answer.version).slice(1, -1),
      ours: PROTOCOL,
    });
  }
  const parsed = Info.safeParse(answer);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.map(String).join('.');
    throw garbage(`its answer to /v1/info is not valid at "${where}"`);
  }
  const { os } = parsed.data;
  if ((os === 'windows') !== (host.os === 'windows')) {
    throw new AwError('AW_HOST_OS_MISMATCH', { expected: host.os, actual: os });
  }
  return parsed.data;
}

/** @throws AW_TOKEN_FILE; nobody else may be able to read it. */
function readToken(path: string): string {
  const fail = (reason: string, cause?: unknown) =>
    new AwError('AW_TOKEN_FILE', { path: show(path, 4096), reason }, { cause });
  let token: string;
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw fail('other users can read it');
    }
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw error instanceof AwError
      ? error
      : fail((error as NodeJS.ErrnoException).code ?? String(error), error);
  }
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) throw fail('it does not hold one token');
  return token;
}
