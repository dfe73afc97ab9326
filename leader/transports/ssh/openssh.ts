/** Over the system's ssh: ~/.ssh/config, agents, jump hosts and hardware keys work as they do for `ssh HOST`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../../contract/errors.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { keepTail } from '../remote-agent.ts';
import type { TransportContext } from '../types.ts';
import { explainSsh } from './openssh-errors.ts';
import type { OpenSsh, RemoteExit, RemoteProcess } from './types.ts';

/** For TCP and the first words of sshd, which is what ssh itself can put a name to. Seconds. */
const CONNECT = 10;
/** Between SIGTERM and SIGKILL, and for the last of what ssh had to say. Milliseconds. */
const END = 2_000;
const LAST_WORDS = 200;
/** The exit code of ssh for every failure of its own. */
const FAILED = 255;

/** Every program is an ssh of its own; the login happens when the first one starts. */
export const openOpenssh: OpenSsh = async (host, context, limit) => {
  limit.waitFor(() => 'ssh does not get there');
  const ends = new Set<() => void>();
  return {
    start: async line => {
      const { end, ...remote } = startProgram(host, context, line);
      ends.add(end);
      void remote.exited.then(() => ends.delete(end));
      return remote;
    },
    close: () => {
      for (const end of ends) end();
    },
  };
};

function startProgram(
  host: HostEntry,
  context: TransportContext,
  line: string,
): RemoteProcess & { end(): void } {
  // In a session of its own: a Ctrl-C on the terminal is for the leader, and nothing can be asked there.
  const child = spawn('ssh', sshArguments(host, context, line), {
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child;
  const lastOfStderr = keepTail(stderr);
  const exited = once(child, 'exit').then(
    async ([code, signal]): Promise<RemoteExit> => {
      // Whatever else holds its stderr open must not be waited for.
      await Promise.race([
        once(stderr, 'close').catch(() => {}),
        sleep(LAST_WORDS, undefined, { ref: false }),
      ]);
      stderr.destroy();
      return {
        code,
        ...(signal === null ? {} : { signal }),
        ...(code === FAILED ? { failure: explainSsh(host, lastOfStderr()) } : {}),
      };
    },
    (error: NodeJS.ErrnoException): RemoteExit => {
      const reason = error.code === 'ENOENT' ? 'there is no ssh program in PATH' : error.message;
      return { code: null, failure: new AwError('AW_HOST_UNREACHABLE', { reason }, { cause: error }) };
    },
  );
  const end = () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), END);
    void exited.then(() => clearTimeout(timer));
  };
  return { stdin, stdout, stderr, exited, end };
}

function sshArguments(host: HostEntry, context: TransportContext, line: string): string[] {
  const options = {
    BatchMode: 'yes',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    StrictHostKeyChecking:
      context.acceptNewHostKeys === true && host.hostKey === undefined ? 'accept-new' : 'yes',
    NoHostAuthenticationForLocalhost: 'no',
    ConnectTimeout: Math.ceil(Math.min(CONNECT, context.timeoutMs / 1000)),
    // Whether anybody is there is asked end to end, of the agent.
    ServerAliveInterval: 0,
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
    line,
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
