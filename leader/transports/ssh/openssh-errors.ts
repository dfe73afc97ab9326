/** What ssh said before it ended with 255, which is its exit code for every failure of its own. */
import { AwError } from '../../../contract/errors.ts';
import { lastWords } from '../remote-agent.ts';
import { changedKey, sshAddress, sshUser } from './errors.ts';
import type { SshTarget } from './types.ts';

/** In this order: a changed key, too, ends in "verification failed". */
export function explainSsh(host: SshTarget, stderr: string): AwError {
  const reason = lastWords(stderr) || 'the SSH connection broke';
  const address = sshAddress(host);
  if (/marked as revoked|REVOKED HOST KEY/.test(stderr)) {
    return new AwError('AW_SSH_HOST_KEY_REVOKED', { address, reason });
  }
  if (/HOST IDENTIFICATION HAS CHANGED|host key for .* has changed/i.test(stderr)) {
    return changedKey(host, changedReason(stderr) ?? reason);
  }
  if (/Host key verification failed|host key is known for/.test(stderr)) {
    return host.hostKey === undefined
      ? new AwError('AW_SSH_HOST_KEY_UNKNOWN', { address, reason })
      : changedKey(host, `it is not ${host.hostKey}`);
  }
  if (/Permission denied \(|Too many authentication failures|no authentication methods/i.test(stderr)) {
    const user = sshUser(host);
    return new AwError('AW_SSH_AUTH_REFUSED', { user, address, reason });
  }
  return new AwError('AW_HOST_UNREACHABLE', { reason });
}

/** For an ssh that has lost the login it was to use, and then tried to make its own, which it cannot. */
export function withoutLostLogin(stderr: string): string {
  return stderr.replace(/^(?:mux_client_|kex_exchange_identification: ).*$/gm, '');
}

/** The new fingerprint and the line of the old one, out of a page of warnings. */
function changedReason(stderr: string): string | undefined {
  const fingerprint = /SHA256:[A-Za-z0-9+/]{43}/.exec(stderr)?.[0];
  const line = /Offending .* key in (\S+:\d+)/.exec(stderr)?.[1];
  if (fingerprint === undefined || line === undefined) return undefined;
  return `it shows ${fingerprint}; another is in ${line}`;
}

/** The connection was there, and was closed before the other end said anything of SSH. */
export function isTurnedAway(stderr: string): boolean {
  return /^(?:kex|ssh)_exchange_identification: .*(?:closed|reset)/m.test(stderr);
}

/** Of an ssh that asks a jump host to connect on. */
export function isNotThrough(stderr: string): boolean {
  return /Stdio forwarding request failed|open failed:/i.test(stderr);
}
