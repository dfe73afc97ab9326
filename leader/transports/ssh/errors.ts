/** What both SSH transports have to say in the same words. */
import { userInfo } from 'node:os';
import { AwError } from '../../../contract/errors.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { recordName } from './known-hosts.ts';

/** As known_hosts has it: what `ssh-keygen -R` takes. */
export function sshAddress(host: HostEntry): string {
  return recordName(host.address!, host.port ?? 22);
}

/** Who logs in when the catalogue does not say. */
export function sshUser(host: HostEntry): string {
  return host.sshUser ?? userInfo().username;
}

export function changedKey(host: HostEntry, reason: string): AwError {
  const address = sshAddress(host);
  const fix =
    host.hostKey === undefined
      ? `ssh-keygen -R '${address}', and then as for an unknown key`
      : `correct "hostKey" of ${host.name} in the catalogue`;
  return new AwError('AW_SSH_HOST_KEY_CHANGED', { address, reason, fix });
}
