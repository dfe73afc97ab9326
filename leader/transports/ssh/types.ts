/** SSH as the rest of the leader sees it: a login on a host, and programs that it starts there. */
import type { Readable, Writable } from 'node:stream';
import type { AwError } from '../../../contract/errors.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import type { Limit } from '../limit.ts';
import type { TransportContext } from '../types.ts';

export interface SshConnection {
  /**
   * Hands `line` to the login shell of the other end. Both outputs flow at once: whoever wants them listens before
   * anything else is awaited, and may pause them.
   * @throws AW_HOST_UNREACHABLE
   */
  start(line: string): Promise<RemoteProcess>;
  /** Ends the connection, and with it all that this leader sees of the programs. */
  close(): void;
}

export interface RemoteProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves, always, once nothing more comes. */
  readonly exited: Promise<RemoteExit>;
}

export interface RemoteExit {
  /** Null when a signal ended it, or when it is not known how it ended. */
  code: number | null;
  signal?: string;
  /**
   * What SSH itself had to say. With a code it is in doubt whose end that was: the system's ssh has 255 for every failure
   * of its own, and for a program that ended with 255.
   */
  failure?: AwError;
}

/** @throws AW_HOST_UNREACHABLE, AW_SSH_*, AW_DISK, and what `limit` says. */
export type OpenSsh = (host: HostEntry, context: TransportContext, limit: Limit) => Promise<SshConnection>;
