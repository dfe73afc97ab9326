/** The hosts that SSH goes through on its way. */
import type { JumpHost } from '../../../contract/hosts.ts';
import { environmentOf, homeOf } from '../environment.ts';
import type { TransportContext } from '../types.ts';
import { saidOf, sshAddress } from './errors.ts';
import type { SshTarget } from './types.ts';

/** The last host of a way. */
export function jumpTarget(way: readonly JumpHost[]): SshTarget {
  const jump = way.at(-1)!;
  return { ...jump, name: jump.address, isJump: true };
}

/** Equal for ways that one connection can serve: the same hosts, logged in to in the same manner, for the same person. */
export function jumpKey(way: readonly JumpHost[], context: TransportContext): string {
  const hops = way.map(hop => [hop.address, hop.port, hop.sshUser, hop.hostKey, hop.identityFile]);
  const { SSH_AUTH_SOCK } = environmentOf(context);
  return JSON.stringify([hops, homeOf(context), SSH_AUTH_SOCK, context.acceptNewHostKeys === true]);
}

/** What is waited for while a jump host connects on. */
export function connectsOn(way: readonly JumpHost[], target: SshTarget): string {
  return saidOf(jumpTarget(way), `it does not get through to ${sshAddress(target)}`);
}
