/** The follower API, typed, over one connection. */
import http2 from 'node:http2';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { AwError, asAwError } from '../contract/errors.ts';
import {
  DoctorReport,
  type Info,
  type RunRequestInput,
  RunState,
  type SignalRequest,
} from '../contract/follower-api.ts';
import type { HostEntry } from '../contract/hosts.ts';
import { decodeLines } from '../tunnel/ndjson.ts';
import { checkInfo, handshake, readToken } from './follower-greeting.ts';
import { chunksOf, createRequester, garbage, type Requester } from './follower-http.ts';
import { ping, watchConnection } from './follower-watch.ts';
import type { Journal, JournalItem } from './journal.ts';
import { openTransport, type TransportContext } from './transports/index.ts';

/** Milliseconds to the answer. A doctor looks at toolchains, and a start may have to read a login environment first. */
const ANSWER = 10_000;
const SLOW_ANSWER = 60_000;
/** A connection that answers no ping for this long is dead, whatever the kernel thinks of it. */
const SILENCE = 6_000;

/** An agent that was just ending takes a connection and drops it. The next one gets, or starts, another agent. */
const TRIES = 4;
const HUNG_UP_WITHIN = 1_000;
const HUNG_UP_PAUSE = 30;

/** Every method throws an `AwError` that names the host; AW_HOST_UNREACHABLE when the connection broke. */
export interface FollowerClient {
  readonly info: Info;
  /** Of `GET /v1/info`: milliseconds to the answer, and how far the follower's clock is ahead of this one's. */
  readonly rttMs: number;
  readonly clockSkewMs: number;
  startRun(request: RunRequestInput): Promise<RunState>;
  runs(): Promise<RunState[]>;
  /**
   * The journal's events from `journal.nextSeq` on, live; read only as fast as they are consumed. Ends after `hostExited`;
   * a stream that ends before is AW_HOST_UNREACHABLE. `lead`: the follower may end the run when this stream is gone.
   */
  events(journal: Journal, options: { lead: boolean }): AsyncGenerator<JournalItem>;
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

/** `silence`: milliseconds without an answer to a ping after which a connection is dead. */
export type Connect = (
  host: HostEntry,
  context: TransportContext,
  silence?: number,
) => Promise<FollowerClient>;

/**
 * Connects and makes sure that a follower of this protocol and of the catalogue's OS is at the other end.
 * @throws AW_PROTOCOL_MISMATCH, AW_HOST_OS_MISMATCH, AW_TOKEN_FILE and what the transport throws.
 */
export async function connectFollower(
  host: HostEntry,
  context: TransportContext,
  silence: number = SILENCE,
): Promise<FollowerClient> {
  try {
    const headers =
      host.tokenFile === undefined ? {} : { authorization: `Bearer ${readToken(host.tokenFile)}` };
    for (let tries = 1; ; tries++) {
      const duplex = await openTransport(host, context);
      const start = performance.now();
      try {
        const session = await handshake(duplex, context);
        const ended = watchConnection(session, silence);
        return await introduce(session, ended, host, headers, context.signal);
      } catch (error) {
        const isEnding =
          (error as AwError).code === 'AW_HOST_UNREACHABLE' && performance.now() - start < HUNG_UP_WITHIN;
        if (!isEnding || tries === TRIES || context.signal?.aborted) throw error;
        await sleep(tries * HUNG_UP_PAUSE);
      }
    }
  } catch (error) {
    throw asAwError(error, host.name);
  }
}

async function introduce(
  session: http2.ClientHttp2Session,
  closed: Promise<void>,
  host: HostEntry,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<FollowerClient> {
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
  requester: Requester,
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
    startRun: request =>
      named(
        requester.json(RunState, {
          method: 'POST',
          path: '/v1/runs',
          json: request,
          timeoutMs: SLOW_ANSWER,
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
    async *events(journal, { lead }) {
      try {
        const stream = await requester.stream({
          method: 'GET',
          path: `${runPath(journal.runId)}/events?from=${journal.nextSeq}${lead ? '&lead=1' : ''}`,
          timeoutMs: SLOW_ANSWER,
        });
        yield* readJournal(stream, journal, requester.broken);
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

async function* readJournal(
  stream: http2.ClientHttp2Stream,
  journal: Journal,
  broken: Requester['broken'],
): AsyncGenerator<JournalItem> {
  const cut = 'the event stream was cut off';
  try {
    for await (const line of decodeLines(wholeStream(stream))) {
      yield journal.read(line);
      if (journal.exited !== undefined) return;
    }
  } catch (error) {
    if (!(error instanceof AwError)) throw broken(cut, error);
    throw error.code === 'AW_FRAME_TOO_LARGE' ? garbage(error.message, error) : error;
  } finally {
    stream.close(http2.constants.NGHTTP2_CANCEL);
  }
  throw broken(cut);
}

/** Fails where a stream was cut, so that half a line is never taken for a last one. */
async function* wholeStream(stream: http2.ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  yield* chunksOf(stream);
  if (stream.aborted || stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) throw new Error('aborted');
}
