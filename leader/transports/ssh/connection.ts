/** A login of the built-in SSH, on any stream that leads to an sshd. */
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { AwError, show } from '../../../contract/errors.ts';
import type { Limit } from '../limit.ts';
import type { TransportContext } from '../types.ts';
import { saidOf, sshUser } from './errors.ts';
import { checkHostKey } from './host-key.ts';
import { offerIdentities } from './identities.ts';
import { TurnedAway } from './knock.ts';
import { signFirst } from './sign-first.ts';
import type { SshTarget } from './types.ts';

/** A server that is silent for longer than three of these is gone. Milliseconds. */
const KEEPALIVE = 3_000;
const KEEPALIVES = 2;

export interface Connection {
  client: Client;
  /** The fingerprint of the key that the other end has shown to have. */
  hostKey: string;
  /** Resolves when it cannot be used any more. */
  over: Promise<void>;
  /** Why it is over. */
  failure(): AwError;
  close(): void;
}

/** @throws TurnedAway, AW_HOST_UNREACHABLE, AW_SSH_*, AW_DISK, what `dial` throws and what `limit` says. */
export async function connect(
  target: SshTarget,
  context: TransportContext,
  limit: Limit,
  dial: () => Promise<Duplex>,
): Promise<Connection> {
  const hostKey = checkHostKey(target, context);
  const reading = offerIdentities(target, context, limit.patiently);
  // Until ssh2 listens for its errors it may have some, and they must not end the process.
  const dialled = dial().then(sock => gather(sock).on('error', () => {}));
  const [{ default: ssh2 }, sock] = await Promise.all([import('ssh2'), dialled]);
  const client = new ssh2.Client();
  const connection = watch(client, sock);
  try {
    const identities = await limit.race(reading);
    const username = sshUser(target);
    const ready = new Promise<'ready'>(fulfil => client.once('ready', () => fulfil('ready')));
    let isHeard = false;
    limit.waitFor(() => saidOf(target, 'it takes the connection but does not speak SSH'));
    client.once('handshake', () => {
      isHeard = true;
      limit.waitFor(() => saidOf(target, 'it speaks SSH but does not answer the login'));
    });
    // ssh2 would wait for an end that has been.
    if (sock.destroyed || sock.readableEnded) throw cutBefore(sock.errored);
    client.connect({
      sock: sock as never,
      username,
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE,
      keepaliveCountMax: KEEPALIVES,
      algorithms: { serverHostKey: hostKey.algorithms, compress: ['none'] },
      hostVerifier: (key: Buffer) => hostKey.accepts(key),
      authHandler: (accepted, partly, next) => next(identities.next(username, accepted, partly) as never),
    });
    if (identities.isCertain) signFirst(client);
    if ((await limit.race(Promise.race([ready, connection.over]))) !== 'ready') {
      const refusal = hostKey.refusal() ?? identities.refusal(target);
      const failure = connection.failure();
      throw refusal ?? (isHeard || !isCut(failure.cause) ? failure : new TurnedAway(failure));
    }
    // Only now it is known that the host really has the key it showed.
    hostKey.record();
    return { ...connection, hostKey: hostKey.shown() };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Sends what is written in one turn at once. ssh2 writes each packet in three pieces, which would be three packets of TCP and
 * wake the other end three times.
 */
function gather(sock: Duplex): Duplex {
  const write = sock.write.bind(sock) as (...what: unknown[]) => boolean;
  sock.write = (...what: unknown[]) => {
    if (sock.writableCorked === 0) {
      sock.cork();
      process.nextTick(() => sock.uncork());
    }
    return write(...what);
  };
  return sock;
}

/** What ssh2 says of it. */
const CUT = 'Connection lost before handshake';

/** Of a connection that nobody has spoken on: it was closed, which is not what an sshd says to a guest it does not want. */
function isCut(cause: unknown): boolean {
  const { code, message } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === 'EPIPE' || message === CUT;
}

function cutBefore(cause: Error | null): TurnedAway {
  return new TurnedAway(new AwError('AW_HOST_UNREACHABLE', { reason: `SSH: ${CUT}` }, { cause }));
}

function watch(client: Client, sock: Duplex): Omit<Connection, 'hostKey'> {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  let cause: Error | undefined;
  const close = () => {
    client.end();
    // The other end may never close its own.
    sock.destroy();
    end();
  };
  client.on('error', (error: Error & { level?: string }) => {
    // A key that cannot be signed with is not the end: the next is tried.
    const isOver = error.message.startsWith('All configured');
    if (error.level === 'agent' || (error.level === 'client-authentication' && !isOver)) return;
    cause ??= error;
    close();
  });
  client.once('close', end);
  return {
    client,
    over,
    failure: () => {
      const reason =
        cause === undefined ? 'the SSH connection ended' : `SSH: ${show(cause.message, 300).slice(1, -1)}`;
      return new AwError('AW_HOST_UNREACHABLE', { reason }, { cause });
    },
    close,
  };
}
