/** Whether a connection to a follower still is one. */
import type http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { AwError } from '../contract/errors.ts';

export interface Watch {
  /** Resolves when the session has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Why the session broke, if it did. */
  readonly fault: Error | undefined;
  /** Of the last ping, in milliseconds. */
  readonly rttMs: number | undefined;
  /** Milliseconds since the peer was last heard of, the sleep of this machine included. */
  silentFor(): number;
  /** Round trip in milliseconds. @throws AW_HOST_UNREACHABLE */
  ping(): Promise<number>;
}

/**
 * Destroys the session, which runs over `duplex`, when its peer answers no ping for `silence` milliseconds: a stopped agent
 * or a dead link keeps a socket open for hours.
 */
export function watchConnection(session: http2.ClientHttp2Session, duplex: Duplex, silence: number): Watch {
  const every = silence / 3;
  let askedAt: number | undefined;
  let lastLook = performance.now();
  let fault: Error | undefined;
  let rttMs: number | undefined;
  let heardAt = { steady: performance.now(), wall: Date.now() };
  const ask = async () => {
    rttMs = await ping(session);
    heardAt = { steady: performance.now(), wall: Date.now() };
    return rttMs;
  };
  const look = () => {
    const now = performance.now();
    // This process itself was stopped or busy: the answer may be there, unread.
    const wasAway = now - lastLook > 2 * every;
    lastLook = now;
    // A session that is over waits for its peer to hang up, and that one may never do so.
    if (session.destroyed) duplex.destroy();
    if (askedAt !== undefined && !wasAway) {
      // Timers are not exact, and one look later may be too late.
      if (now - askedAt > silence - every / 2)
        session.destroy(new Error(`no sign of life for ${silence / 1000} s`));
      return;
    }
    askedAt = now;
    ask().then(
      () => {
        askedAt = undefined;
      },
      () => {},
    );
  };
  const timer = setInterval(look, every);
  session.on('error', (error: Error) => {
    fault ??= error;
  });
  const ended = new Promise<void>(fulfil =>
    session.once('close', () => {
      clearInterval(timer);
      fulfil();
    }),
  );
  return {
    ended,
    get fault() {
      return fault;
    },
    get rttMs() {
      return rttMs;
    },
    // The steady clock stands while the machine sleeps, the other one may be set back.
    silentFor: () => Math.max(performance.now() - heardAt.steady, Date.now() - heardAt.wall),
    ping: ask,
  };
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
