/** HTTP/2 over any byte stream, tuned for few peers and much data. */
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { AwError } from '../contract/errors.ts';

/** Per stream: what a sender may have under way before the reader has taken any of it. */
const STREAM_WINDOW = 2 * 1024 * 1024;
/** For all streams of a connection together, so that one slow reader leaves room for the others. */
const CONNECTION_WINDOW = 16 * 1024 * 1024;
const HANDSHAKE_MS = 10_000;

const settings: http2.Settings = {
  initialWindowSize: STREAM_WINDOW,
  maxFrameSize: 64 * 1024,
  maxConcurrentStreams: 512,
  enablePush: false,
};
/** Megabytes of state a session may hold before it refuses more: above the connection window. */
const maxSessionMemory = 64;

/**
 * The client's end. Resolves once the peer has spoken HTTP/2. The caller closes the session, which ends the duplex.
 * @throws AW_PROTOCOL_GARBAGE when the peer says anything else, or nothing for 10 s; AW_HOST_UNREACHABLE when the
 * connection ends first, as it does when it was made to an agent that was just ending.
 */
export function openHttp2(duplex: Duplex): Promise<http2.ClientHttp2Session> {
  return new Promise((fulfil, reject) => {
    const session = http2.connect('http://follower', {
      createConnection: () => duplex,
      settings,
      maxSessionMemory,
    });
    const fail = (code: 'AW_PROTOCOL_GARBAGE' | 'AW_HOST_UNREACHABLE', reason: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(new AwError(code, { reason }, { cause }));
      session.destroy();
      duplex.destroy();
    };
    const timer = setTimeout(() => fail('AW_PROTOCOL_GARBAGE', 'no HTTP/2 within 10 s'), HANDSHAKE_MS);
    // Stays for the session's life: after the handshake its users learn of an end through `close` and their streams.
    session.on('error', (error: NodeJS.ErrnoException) => {
      const isLink = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      fail(isLink ? 'AW_HOST_UNREACHABLE' : 'AW_PROTOCOL_GARBAGE', error.message, error);
    });
    session.once('close', () => fail('AW_HOST_UNREACHABLE', 'the connection ended before HTTP/2 began'));
    session.once('remoteSettings', () => {
      clearTimeout(timer);
      session.setLocalWindowSize(CONNECTION_WINDOW);
      fulfil(session);
    });
  });
}

/**
 * The server's end. Whatever the peer sends, only this session ends by it: errors of the session and of its streams
 * are taken here. A peer that does not speak HTTP/2 within 10 s is cut off.
 */
export function serveHttp2(
  duplex: Duplex,
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
): http2.ServerHttp2Session {
  const session = http2.performServerHandshake(duplex, { settings, maxSessionMemory });
  const cut = () => {
    session.destroy();
    duplex.destroy();
  };
  const timer = setTimeout(cut, HANDSHAKE_MS);
  duplex.on('error', cut);
  session.on('error', cut);
  session.once('close', () => {
    clearTimeout(timer);
    duplex.destroy();
  });
  session.once('remoteSettings', () => {
    clearTimeout(timer);
    session.setLocalWindowSize(CONNECTION_WINDOW);
  });
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  return session;
}

/**
 * Cuts a session off whose peer has not answered a ping for `limitMs`: a link that died without a word looks idle for
 * ever otherwise. Looks every `limitMs / 3`, and ends with the session.
 */
export function cutWhenSilent(session: http2.Http2Session, limitMs: number): void {
  let heardAt = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - heardAt > limitMs) return session.destroy();
    session.ping(error => {
      if (error === null) heardAt = performance.now();
    });
  }, limitMs / 3);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}
