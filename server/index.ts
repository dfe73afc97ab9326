/** The service: stores events and sends them on as they come. */
import type { AddressInfo } from 'node:net';
import { AwError } from '../contract/errors.ts';
import { buildApp } from './app.ts';
import { isLoopback } from './auth/origin-guard.ts';
import { adminKey } from './auth/tokens.ts';
import { openSqliteStore } from './store/index.ts';

export interface ServerOptions {
  /** A SQLite file, made if it is not there, or `:memory:`. */
  readonly db: string;
  /** A name or address of this machine. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Holds the admin key. Without it whoever can connect is the admin, so only loopback is listened on. */
  readonly tokenFile?: string;
  /** More names that clients call a service on loopback by, say through a proxy. */
  readonly allowedHosts?: readonly string[];
  /** Between two signs of life on an event stream. Default 15 s. */
  readonly heartbeatMs?: number;
  /** Gets one message for each failure that is the service's own. */
  readonly log?: (message: string) => void;
}

export interface Server {
  /** `http://HOST:PORT` */
  readonly url: string;
  /** Ends streams, finishes requests for half a second, cuts the rest off and closes the database. */
  close(): Promise<void>;
}

/**
 * Resolves when the service takes requests.
 * @throws AW_ADDRESS_REFUSED, AW_ADDRESS_IN_USE, AW_DATABASE_UNUSABLE, and AW_USAGE for a bad token file or address.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { port = 0, heartbeatMs = 15_000, allowedHosts = [], log = () => {} } = options;
  // The name means two addresses, and Fastify would make two servers of it.
  const host = options.host === undefined || options.host === 'localhost' ? '127.0.0.1' : options.host;
  const isKey = options.tokenFile === undefined ? undefined : adminKey(options.tokenFile);
  if (isKey === undefined && !isLoopback(host)) throw new AwError('AW_ADDRESS_REFUSED', { address: host });

  const store = openSqliteStore(options.db);
  const app = buildApp({ store, isKey, origins: { bind: host, allowedHosts }, heartbeatMs, log });
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
  return { url: urlOf(host, (app.server.address() as AddressInfo).port), close: () => app.close() };
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function listenError(error: unknown, host: string, port: number): AwError {
  const address = `${host}:${port}`;
  if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
    return new AwError('AW_ADDRESS_IN_USE', { address }, { cause: error });
  const problem = `cannot listen on ${address}: ${(error as Error).message}`;
  return new AwError('AW_USAGE', { problem, command: 'aw serve' }, { cause: error });
}
