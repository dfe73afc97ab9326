/** Whether the built-in SSH talks to the host that is meant. There is no way to connect without this check. */
import { createHash } from 'node:crypto';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { AwError } from '../../../contract/errors.ts';
import { homeOf } from '../environment.ts';
import type { TransportContext } from '../types.ts';
import { changedKey, sshAddress } from './errors.ts';
import {
  judge,
  type KnownKey,
  keyType,
  knownHostsFiles,
  knownTypes,
  readKnownHosts,
  recordKey,
} from './known-hosts.ts';
import type { SshTarget } from './types.ts';

/** By the type of a key, what it may sign with. Nothing that signs with SHA-1. */
const algorithmsOf: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

export interface HostKeyCheck {
  /** What to ask the host for: first what is on record. */
  algorithms: ServerHostKeyAlgorithm[];
  accepts(key: Buffer): boolean;
  /** The fingerprint of the key that was shown; empty before. */
  shown(): string;
  /** Why the key was not accepted. */
  refusal(): AwError | undefined;
  /** Puts a new key that was accepted on record. */
  record(): void;
}

/** @throws AW_SSH_HOST_KEY_UNKNOWN when the keys on record cannot be read. */
export function checkHostKey(host: SshTarget, context: TransportContext): HostKeyCheck {
  const { address = '', port = 22, hostKey } = host;
  const files = knownHostsFiles(homeOf(context));
  const known = hostKey === undefined ? recordedKeys(host, files) : [];
  const first = knownTypes(known, address, port).filter(type => Object.hasOwn(algorithmsOf, type));
  const types = new Set([...first, ...Object.keys(algorithmsOf)]);
  let refused: AwError | undefined;
  let unrecorded: Buffer | undefined;
  let shown = '';

  const check = (key: Buffer): AwError | undefined => {
    const what = `it shows ${fingerprint(key)} (${keyType(key)})`;
    if (hostKey !== undefined) {
      return fingerprint(key) === hostKey ? undefined : changedKey(host, `${what}, not ${hostKey}`);
    }
    const verdict = judge(known, address, port, key);
    if (verdict.kind === 'trusted') return undefined;
    if (verdict.kind === 'changed') return changedKey(host, `${what}; another is in ${verdict.at}`);
    if (verdict.kind === 'revoked') {
      const reason = `${what}, revoked in ${verdict.at}`;
      return new AwError('AW_SSH_HOST_KEY_REVOKED', { address: sshAddress(host), reason });
    }
    if (context.acceptNewHostKeys === true) {
      unrecorded = key;
      return undefined;
    }
    const certified =
      verdict.authority === undefined
        ? ''
        : `; ${verdict.authority} trusts a certificate authority, but only transport "openssh" can check certificates`;
    return unknown(host, `${what}${certified}`);
  };

  return {
    algorithms: [...types].flatMap(type => algorithmsOf[type]!),
    accepts: key => {
      shown = fingerprint(key);
      refused = check(key);
      return refused === undefined;
    },
    shown: () => shown,
    refusal: () => refused,
    record: () => {
      if (unrecorded !== undefined) recordKey(files[0]!, address, port, unrecorded);
      unrecorded = undefined;
    },
  };
}

function recordedKeys(host: SshTarget, files: readonly string[]): KnownKey[] {
  try {
    return readKnownHosts(files);
  } catch (error) {
    throw unknown(host, `the keys on record cannot be read: ${(error as Error).message}`, error);
  }
}

function unknown(host: SshTarget, reason: string, cause?: unknown): AwError {
  return new AwError('AW_SSH_HOST_KEY_UNKNOWN', { address: sshAddress(host), reason }, { cause });
}

/** As `ssh-keygen -l` prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}
