/** Whether a connection to a follower still is one. */
import type http2 from 'node:http2';
import { AwError } from '../contract/errors.ts';

/**
 * Destroys the session when its peer answers no ping: a stopped agent or a dead link keeps a socket open for hours.
 * Resolves when the session has ended, for whatever reason.
 */
export function watchConnection(session: http2.ClientHttp2Session, silence: number): Promise<void> {
  const every = silence / 3;
  let askedAt: number | undefined;
  let lastLook = performance.now();
  const look = () => {
    const now = performance.now();
    // This process itself was stopped or busy: the answer may be there, unread.
    const wasAway = now - lastLook > 2 * every;
    lastLook = now;
    if (askedAt !== undefined && !wasAway) {
      // Timers are not exact, and one look later may be too late.
      if (now - askedAt > silence - every / 2)
        session.destroy(new Error(`no sign of life for ${silence / 1000} s`));
      return;
    }
    askedAt = now;
    ping(session).then(
      () => {
        askedAt = undefined;
      },
      () => {},
    );
  };
  const timer = setInterval(look, every);
  return new Promise(fulfil =>
    session.once('close', () => {
      clearInterval(timer);
      fulfil();
    }),
  );
}

/** Round trip in milliseconds. */
export function ping(session: http2.ClientHttp2Session): Promise<number> {
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
