/** The first words with whoever is at the other end: whether it is a follower, and the one that was meant. */
import { readFileSync, statSync } from 'node:fs';
import type http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { AwError, show } from '../contract/errors.ts';
import { Info } from '../contract/follower-api.ts';
import type { HostEntry } from '../contract/hosts.ts';
import { PROTOCOL } from '../contract/version.ts';
import { openHttp2 } from '../tunnel/http2.ts';
import { garbage } from './follower-http.ts';
import type { TransportContext } from './transports/index.ts';

/** To the first sign of HTTP/2: below the tunnel's own limit, to tell silence from noise. */
const HANDSHAKE = 9_000;
/** Whoever accepts a connection and then says nothing must not hold up more than its own host, nor a cancel. */
export async function handshake(
  duplex: Duplex,
  { signal, timeoutMs }: TransportContext,
): Promise<http2.ClientHttp2Session> {
  const limit = Math.min(timeoutMs, HANDSHAKE);
  let reason: string | undefined;
  const giveUp = (why: string) => {
    reason = why;
    duplex.destroy();
  };
  const onAbort = () => giveUp('given up');
  const timer = setTimeout(
    () => giveUp(`it takes connections but says nothing for ${limit / 1000} s`),
    limit,
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal?.aborted) onAbort();
    return await openHttp2(duplex);
  } catch (error) {
    throw reason === undefined ? error : new AwError('AW_HOST_UNREACHABLE', { reason }, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * The version is compared before the rest is looked at, which another version may have in another shape.
 * @throws AW_PROTOCOL_MISMATCH, AW_HOST_OS_MISMATCH, AW_PROTOCOL_GARBAGE
 */
export function checkInfo(answer: { protocol: number; version: string }, host: HostEntry): Info {
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
export function readToken(path: string): string {
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
