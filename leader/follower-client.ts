/** The follower API, typed, over a connection of its own or a shared one. */
import http2 from 'node:http2';
import type { Readable } from 'node:stream';
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
import { readLines } from '../tunnel/ndjson.ts';
import { authorization, type FollowerConnection, openConnection } from './follower-connection.ts';
import { chunksOf, createRequester, garbage, type Requester } from './follower-http.ts';
import type { Journal, JournalItem } from './journal.ts';
import type { TransportContext } from './transports/index.ts';

/** Milliseconds to the answer. A doctor looks at toolchains, and a start may have to read a login environment first. */
const ANSWER = 10_000;
const SLOW_ANSWER = 60_000;
const EVENTS = 'application/x-ndjson';
/** To the end of a journal's stream, after its last event. */
const STREAM_END = 1_000;

/** Every method throws an `AwError` that names the host; AW_HOST_UNREACHABLE when the connection broke. */
export interface FollowerClient {
  /** For the calls of a fence (fence/follower-fence.ts). */
  readonly requester: Requester;
  readonly info: Info;
  /** Of `GET /v1/info`: milliseconds to the answer, and how far the follower's clock is ahead of this one's. */
  readonly rttMs: number;
  readonly clockSkewMs: number;
  /** `follow`: as this run's leader. Its `events` come with the answer then, where the follower can do that. */
  startRun(request: RunRequestInput, options?: { follow: boolean }): Promise<unknown>;
  runs(): Promise<RunState[]>;
  /**
   * The journal's events from `journal.nextSeq` on, live; read only as fast as they are consumed. Ends after `hostExited`;
   * a stream that ends before is AW_HOST_UNREACHABLE. `lead`: the follower may end the run when this stream is gone.
   */
  events(journal: Journal, options: { lead: boolean }): AsyncGenerator<JournalItem>;
  signal(runId: string, request: z.input<typeof SignalRequest>): Promise<RunState>;
  state(runId: string): Promise<RunState>;
  /** Resolves when the follower has taken all of it. `offset`: bytes of the input that the follower has already. */
  sendInput(runId: string, source: Readable, offset?: number): Promise<void>;
  /** `cwd`: where runs are meant to work; `path`: the `PATH` of what sshd starts there. */
  doctor(about?: { cwd?: string; path?: string }): Promise<DoctorReport>;
  shutdown(options: { force: boolean }): Promise<void>;
  /** Round trip in milliseconds. */
  ping(): Promise<number>;
  /** Resolves when the connection is gone, for whatever reason, or this client is closed. */
  readonly closed: Promise<void>;
  /** Ends what it has under way. A connection that it shares goes on. */
  close(): void;
}

/** What one run on one host needs of whoever runs it there, an agent or none. */
export type RunClient = Pick<
  FollowerClient,
  'rttMs' | 'startRun' | 'events' | 'signal' | 'state' | 'sendInput' | 'close'
>;

export type ConnectRun = (...to: Parameters<Connect>) => Promise<RunClient>;

/** `silence`: milliseconds without an answer to a ping after which a connection is dead. */
export type Connect = (
  host: HostEntry,
  context: TransportContext,
  silence?: number,
) => Promise<FollowerClient>;

/**
 * A client with a connection of its own, which ends with it.
 * @throws AW_TOKEN_FILE and what `openConnection` throws.
 */
export const connectFollower: Connect = async (host, context, silence) => {
  const headers = authorization(host);
  const connection = await openConnection(host, headers, context, silence);
  return createClient(connection, headers, host.name, () => connection.session.destroy());
};

/**
 * A client over a connection that it may share with others: what it closes are its own streams.
 * @param onClose called once, when it is closed
 */
export function createClient(
  { session, watch, info, rttMs, clockSkewMs }: FollowerConnection,
  headers: Record<string, string>,
  host: string,
  onClose: () => void,
): FollowerClient {
  const requester = createRequester(session, watch, headers);
  const { promise: closed, resolve: end } = Promise.withResolvers<void>();
  session.once('close', end);
  if (session.destroyed) end();
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    session.off('close', end);
    requester.close();
    end();
    onClose();
  };
  const named = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw asAwError(error, host);
    }
  };
  /** Streams of events that came with the start of their runs, and that nobody reads yet. */
  const begun = new Map<string, http2.ClientHttp2Stream>();
  const runPath = (runId: string) => `/v1/runs/${encodeURIComponent(runId)}`;

  return {
    requester,
    info,
    rttMs,
    clockSkewMs,
    closed,
    close,
    startRun: (request, { follow } = { follow: false }) => {
      const post = { method: 'POST', path: '/v1/runs', json: request, timeoutMs: SLOW_ANSWER } as const;
      if (!follow) return named(requester.done(post));
      return named(
        requester.streamOf(EVENTS, post).then(stream => {
          if (stream !== undefined) begun.set(request.runId, stream);
        }),
      );
    },
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
        const first = lead && journal.nextSeq === 0 ? begun.get(journal.runId) : undefined;
        begun.delete(journal.runId);
        const stream =
          first ??
          (await requester.stream({
            method: 'GET',
            path: `${runPath(journal.runId)}/events?from=${journal.nextSeq}${lead ? '&lead=1' : ''}`,
            timeoutMs: SLOW_ANSWER,
          }));
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
    state: runId =>
      named(requester.json(RunState, { method: 'GET', path: runPath(runId), timeoutMs: ANSWER })),
    sendInput: (runId, source, offset = 0) =>
      named(
        requester.done({
          method: 'POST',
          path: `${runPath(runId)}/stdin?offset=${offset}`,
          source,
          timeoutMs: SLOW_ANSWER,
        }),
      ),
    doctor: (about = {}) =>
      named(
        requester.json(DoctorReport, {
          method: 'GET',
          path: `/v1/doctor?${new URLSearchParams(about)}`,
          timeoutMs: SLOW_ANSWER,
        }),
      ),
    shutdown: ({ force }) =>
      named(
        requester.done({
          method: 'POST',
          path: `/v1/shutdown${force ? '?force=1' : ''}`,
          timeoutMs: ANSWER,
        }),
      ),
    ping: () => named(watch.ping()),
  };
}

async function* readJournal(
  stream: http2.ClientHttp2Stream,
  journal: Journal,
  broken: Requester['broken'],
): AsyncGenerator<JournalItem> {
  const cut = 'the event stream was cut off';
  try {
    for await (const line of readLines(wholeStream(stream))) {
      yield journal.read(line);
      if (journal.exited !== undefined) return;
    }
  } catch (error) {
    if (!(error instanceof AwError)) throw broken(cut, error);
    throw error.code === 'AW_FRAME_TOO_LARGE' ? garbage(error.message, error) : error;
  } finally {
    if (journal.exited !== undefined) await takeEnd(stream);
    stream.close(http2.constants.NGHTTP2_CANCEL);
  }
  throw broken(cut);
}

/** A stream that is reset a moment before its end counts as an attack: a peer ends the session of whoever does it often. */
async function takeEnd(stream: http2.ClientHttp2Stream): Promise<void> {
  if (stream.closed) return;
  const timer = setTimeout(() => stream.destroy(), STREAM_END);
  stream.resume();
  await new Promise(fulfil => stream.once('close', fulfil));
  clearTimeout(timer);
}

/** Fails where a stream was cut, so that half a line is never taken for a last one. */
async function* wholeStream(stream: http2.ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  yield* chunksOf(stream);
  if (stream.aborted || stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) throw new Error('aborted');
}
