/** What the system's ssh is told on its command line, whatever the user's configuration says. */
import { environmentOf } from '../environment.ts';
import type { TransportContext } from '../types.ts';
import type { SshTarget } from './types.ts';

/** For TCP and the first words of sshd, which is what ssh itself can put a name to. Seconds. */
const CONNECT = 10;

/** For any ssh that is about this target; the target itself is to follow. */
export function sshOptions(target: SshTarget, context: TransportContext): string[] {
  const { hostKey, identityFile, sshUser, port } = target;
  const options = {
    BatchMode: 'yes',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    StrictHostKeyChecking: context.acceptNewHostKeys === true && hostKey === undefined ? 'accept-new' : 'yes',
    NoHostAuthenticationForLocalhost: 'no',
    ConnectTimeout: Math.ceil(Math.min(CONNECT, context.timeoutMs / 1000)),
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    RemoteCommand: 'none',
    PermitLocalCommand: 'no',
    LogLevel: 'ERROR',
    ...(hostKey === undefined ? {} : pinned(hostKey)),
    ...(identityFile === undefined
      ? {}
      : { IdentitiesOnly: 'yes', IdentityFile: `"${identityFile.replaceAll('%', '%%')}"` }),
  };
  return [
    '-T',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(sshUser === undefined ? [] : ['-l', sshUser]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ];
}

/**
 * How every ssh is started. In a session of its own: a Ctrl-C on the terminal is for the leader, and nothing can be asked
 * there.
 */
export function spawnOptions(context: TransportContext) {
  return { env: environmentOf(context), detached: process.platform !== 'win32', windowsHide: true } as const;
}

/**
 * known_hosts cannot hold a fingerprint. So ssh is given no such file but a command, which makes an entry of the key that
 * the host shows if that has the fingerprint, and none otherwise. It needs OpenSSH 8.5.
 */
function pinned(fingerprint: string) {
  const script = `if [ "$1" = "${fingerprint}" ]; then echo "$2 $3 $4"; fi`;
  return {
    KnownHostsCommand: `/bin/sh -c '${script}' sh %f %H %t %K`,
    UserKnownHostsFile: '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
  };
}
