/** Over the system's ssh: ~/.ssh/config, agents, jump hosts and hardware keys work as they do for `ssh HOST`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { startLimit } from './limit.ts';
import { explainSsh } from './openssh-errors.ts';
import { agentCommand, explainEnd, keepTail, type RemoteEnd, reachAgent } from './remote-agent.ts';
import type { Transport, TransportContext } from './types.ts';

/** For TCP and the first words of sshd, which is what ssh itself can put a name to. Seconds. */
const CONNECT = 10;
/** Between SIGTERM and SIGKILL, and for the last of what ssh had to say. Milliseconds. */
const END = 2_000;
const LAST_WORDS = 200;

/** @throws AW_HOST_UNREACHABLE, AW_SSH_*, AW_AGENT_* and AW_PROTOCOL_GARBAGE */
export const openssh: Transport = async (host, context) => {
  const limit = startLimit(context, 'ssh does not get there');
  // In a session of its own: a Ctrl-C on the terminal is for the leader, and nothing can be asked there.
  const child = spawn('ssh', sshArguments(host, context), {
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stderr = keepTail(child.stderr);
  const over = once(child, 'exit').then(
    async ([code, signal]) => {
      // Whatever else holds its stderr open must not be waited for.
      await Promise.race([
        once(child.stderr, 'close').catch(() => {}),
        sleep(LAST_WORDS, undefined, { ref: false }),
      ]);
      child.stderr.destroy();
      return explain(host, { code, signal: signal ?? undefined, stderr: stderr() });
    },
    (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'there is no ssh program in PATH' : error.message;
      return new AwError('AW_HOST_UNREACHABLE', { reason }, { cause: error });
    },
  );
  let isEnding = false;
  const end = () => {
    if (isEnding) return;
    isEnding = true;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), END);
    void over.then(() => clearTimeout(timer));
  };
  try {
    return await reachAgent({ output: child.stdout, input: child.stdin, ended: over, end }, limit);
  } finally {
    limit.done();
  }
};

function sshArguments(host: HostEntry, context: TransportContext): string[] {
  const options = {
    BatchMode: 'yes',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    StrictHostKeyChecking:
      context.acceptNewHostKeys === true && host.hostKey === undefined ? 'accept-new' : 'yes',
    NoHostAuthenticationForLocalhost: 'no',
    ConnectTimeout: Math.ceil(Math.min(CONNECT, context.timeoutMs / 1000)),
    ServerAliveInterval: 3,
    ServerAliveCountMax: 2,
    // A master that outlives its child would have no owner; one that the user has is used.
    ControlMaster: 'no',
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    RemoteCommand: 'none',
    PermitLocalCommand: 'no',
    LogLevel: 'ERROR',
    ...(host.hostKey === undefined ? {} : pinned(host.hostKey)),
    ...(host.identityFile === undefined
      ? {}
      : { IdentitiesOnly: 'yes', IdentityFile: `"${host.identityFile.replaceAll('%', '%%')}"` }),
  };
  return [
    '-T',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(host.sshUser === undefined ? [] : ['-l', host.sshUser]),
    ...(host.port === undefined ? [] : ['-p', String(host.port)]),
    '--',
    host.address!,
    agentCommand(host, context.start),
  ];
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
    // A connection that somebody else has made was checked against something else.
    ControlPath: 'none',
  };
}

function explain(host: HostEntry, end: RemoteEnd): AwError {
  return end.code === 255 ? explainSsh(host, end.stderr) : explainEnd(host, end);
}
