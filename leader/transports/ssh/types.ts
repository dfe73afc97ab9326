/** SSH as the rest of the leader sees it: a login on a host, and programs that it starts there. */
import type { Readable, Writable } from 'node:stream';
import type { AwError } from '../../../contract/errors.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import type { Limit } from '../limit.ts';
import type { TransportContext } from '../types.ts';

/** Where a login goes: to a follower, or to a jump host on the way there. */
export type SshTarget = Pick<
  HostEntry,
  'name' | 'address' | 'port' | 'sshUser' | 'hostKey' | 'identityFile'
> & {
  isJump?: true;
};

export interface SshConnection {
  /**
   * Hands `line` to the login shell of the other end. Both outputs flow at once: whoever wants them listens before
   * anything else is awaited, and may pause them.
   * @throws AW_HOST_UNREACHABLE
   */
  start(line: string): Promise<RemoteProcess>;
  /**
   * The same for what sshd has under a name of its own, such as `sftp`; no line is read by anybody.
   * @throws AW_HOST_UNREACHABLE
   */
  startSubsystem(name: string): Promise<RemoteProcess>;
  /** The fingerprint of the key that the host has shown to have. Absent where only the system's ssh knows it. */
  readonly hostKey?: string;
  /**
   * To what listens on a Unix socket there, as to a program's streams; nothing is started. Absent where this SSH cannot.
   * @throws AW_HOST_UNREACHABLE
   */
  openSocket?(path: string): Promise<Omit<RemoteProcess, 'stderr'>>;
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
