/** SSH in this process: no child, no configuration file, the fastest way to many hosts. */

import type { Client, ClientChannel } from 'ssh2';
import { AwError, show } from '../../../contract/errors.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { connectEndpoint } from '../../../tunnel/endpoint.ts';
import type { Limit } from '../limit.ts';
import type { TransportContext } from '../types.ts';
import { sshUser } from './errors.ts';
import { checkHostKey, type HostKeyCheck } from './host-key.ts';
import { type Identities, offerIdentities } from './identities.ts';
import type { OpenSsh, RemoteExit, RemoteProcess } from './types.ts';

/** A server that is silent for longer than three of these is gone. Milliseconds. */
const KEEPALIVE = 3_000;
const KEEPALIVES = 2;
const SSH_PORT = 22;

export const openSsh2: OpenSsh = async (host, context, limit) => {
  limit.waitFor(() => 'it takes the connection but does not speak SSH');
  const hostKey = checkHostKey(host, context);
  const reading = offerIdentities(host);
  const connection = await dial(host, context);
  try {
    const identities = await limit.race(reading);
    await limit.race(login(connection, host, hostKey, identities, limit));
  } catch (error) {
    connection.close();
    throw error;
  }
  return {
    start: async line => remoteProcess(connection, await execute(connection, line)),
    close: connection.close,
  };
};

interface Connection {
  client: Client;
  start(config: Parameters<Client['connect']>[0]): void;
  /** Resolves when nothing of it is left. */
  over: Promise<void>;
  /** Why it is over. */
  failure(): AwError;
  close(): void;
}

/** A socket of our own, without Nagle's delay, so that what goes wrong has one description for all transports. */
async function dial(host: HostEntry, context: TransportContext): Promise<Connection> {
  const endpoint = { kind: 'tcp' as const, host: host.address!, port: host.port ?? SSH_PORT };
  const [{ default: ssh2 }, sock] = await Promise.all([
    import('ssh2'),
    connectEndpoint(endpoint, {
      timeoutMs: context.timeoutMs,
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    }),
  ]);
  const client = new ssh2.Client();
  let cause: Error | undefined;
  client.on('error', (error: Error & { level?: string }) => {
    // A key that cannot be signed with is not the end: the next is tried.
    const isOver = error.message.startsWith('All configured');
    if (error.level === 'agent' || (error.level === 'client-authentication' && !isOver)) return;
    cause ??= error;
    // The server may never close its end.
    sock.destroy();
  });
  const over = new Promise<void>(fulfil => client.once('close', () => fulfil()));
  return {
    client,
    start: config => {
      client.connect({ ...config, sock });
    },
    over,
    failure: () => {
      const reason =
        cause === undefined ? 'the SSH connection ended' : `SSH: ${show(cause.message, 300).slice(1, -1)}`;
      return new AwError('AW_HOST_UNREACHABLE', { reason }, { cause });
    },
    close: () => {
      client.end();
      sock.destroy();
    },
  };
}

async function login(
  { client, start, over, failure }: Connection,
  host: HostEntry,
  hostKey: HostKeyCheck,
  identities: Identities,
  limit: Limit,
): Promise<void> {
  const ready = new Promise<'ready'>(fulfil => client.once('ready', () => fulfil('ready')));
  client.once('handshake', () => limit.waitFor(() => 'it speaks SSH but does not answer the login'));
  const username = sshUser(host);
  start({
    username,
    readyTimeout: 0,
    keepaliveInterval: KEEPALIVE,
    keepaliveCountMax: KEEPALIVES,
    algorithms: { serverHostKey: hostKey.algorithms, compress: ['none'] },
    hostVerifier: (key: Buffer) => hostKey.accepts(key),
    authHandler: (accepted, partly, next) => next(identities.next(username, accepted, partly) as never),
  });
  const outcome = await Promise.race([ready, over]);
  if (outcome !== 'ready') throw hostKey.refusal() ?? identities.refusal(host) ?? failure();
  // Only now it is known that the host really has the key it showed.
  hostKey.record();
}

function execute({ client, over, failure }: Connection, command: string): Promise<ClientChannel> {
  return new Promise((fulfil, reject) => {
    void over.then(() => reject(failure()));
    client.exec(command, (error, channel) => {
      if (error === undefined) return fulfil(channel);
      const reason = `it runs no command: ${show(error.message, 300).slice(1, -1)}`;
      reject(new AwError('AW_HOST_UNREACHABLE', { reason }, { cause: error }));
    });
  });
}

function remoteProcess(connection: Connection, channel: ClientChannel): RemoteProcess {
  let exit: RemoteExit | undefined;
  channel.once('exit', (code: number | null, signal?: string) => {
    exit = { code, ...(signal === undefined || signal === null ? {} : { signal: `SIG${signal}` }) };
  });
  const closed = new Promise<void>(fulfil => channel.once('close', () => fulfil()));
  const exited = Promise.race([closed, connection.over]).then(
    () => exit ?? { code: null, failure: connection.failure() },
  );
  return { stdin: channel, stdout: channel, stderr: channel.stderr, exited };
}
