/** What both SSH transports have to say in the same words. */
import { userInfo } from 'node:os';
import { AwError, type ErrorDetails } from '../../../contract/errors.ts';
import { recordName } from './known-hosts.ts';
import type { SshTarget } from './types.ts';

/** As known_hosts has it: what `ssh-keygen -R` takes. */
export function sshAddress(target: SshTarget): string {
  return recordName(target.address!, target.port ?? 22);
}

/** Who logs in when the catalogue does not say. */
export function sshUser(target: SshTarget): string {
  return target.sshUser ?? userInfo().username;
}

export function changedKey(target: SshTarget, reason: string): AwError {
  const address = sshAddress(target);
  const fix =
    target.hostKey === undefined
      ? `ssh-keygen -R '${address}', and then as for an unknown key`
      : `correct "hostKey" of ${target.isJump ? address : target.name} in the catalogue`;
  return new AwError('AW_SSH_HOST_KEY_CHANGED', { address, reason, fix });
}

/** A follower needs no name in what is said of it; a host on the way to it does. */
export function saidOf(target: SshTarget, text: string): string {
  return target.isJump ? `jump host ${sshAddress(target)}: ${text}` : text;
}

/** The same error, but it names the jump host. */
export function errorOf(target: SshTarget, error: unknown): unknown {
  if (!target.isJump || !(error instanceof AwError)) return error;
  const { code, details, cause } = error;
  const named = { ...details, reason: saidOf(target, String(details.reason)) };
  return new AwError(code, named as ErrorDetails<typeof code>, { cause });
}
