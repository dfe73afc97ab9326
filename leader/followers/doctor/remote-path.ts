/** What sshd gives the programs it starts, seen by starting one: the agent itself has an environment of its own. */
import type { HostEntry } from '../../../contract/hosts.ts';
import { startLimit } from '../../transports/limit.ts';
import { keepTail } from '../../transports/remote-agent.ts';
import { openSsh, type SshWay } from '../../transports/ssh/index.ts';
import type { TransportContext } from '../../transports/types.ts';

/** The same words to every shell there is on POSIX. */
const ASK = 'printenv PATH';
const ASK_LOGIN = `$SHELL -l -c 'command -v aw-follower'`;

/**
 * Undefined where there is no such thing: on Windows, or when something else is printed.
 * @throws AW_HOST_UNREACHABLE, AW_SSH_*: it is a login like any other
 */
export async function sshdPath(host: HostEntry, context: TransportContext): Promise<string | undefined> {
  return host.os === 'windows' ? lastLine(host, context, 'exit', /^$/) : lastLine(host, context, ASK, /^\//);
}

/**
 * Where a login finds the agent that sshd does not.
 * @throws as `sshdPath`
 */
export async function agentAtLogin(host: HostEntry, context: TransportContext): Promise<string | undefined> {
  if (host.os === 'windows' || host.agent !== undefined) return undefined;
  return lastLine(host, context, ASK_LOGIN, /^\/[\w./-]+$/);
}

/** Of what the line prints, as far as a few kilobytes go; start-up files may print something before. */
async function lastLine(
  host: HostEntry,
  context: TransportContext,
  line: string,
  wanted: RegExp,
): Promise<string | undefined> {
  const limit = startLimit(context, 'SSH does not get there');
  try {
    const connection = await openSsh[host.transport as SshWay](host, context, limit);
    try {
      limit.waitFor(() => 'it takes the login but starts no command');
      const { stdin, stdout, stderr, exited } = await limit.race(connection.start(line));
      const said = keepTail(stdout);
      stderr.on('error', () => {}).resume();
      stdin.on('error', () => {}).end();
      const { code, failure } = await limit.race(exited);
      if (failure !== undefined) throw failure;
      const last = said().trimEnd().split('\n').at(-1)?.trim() ?? '';
      return code === 0 && wanted.test(last) ? last : undefined;
    } finally {
      connection.close();
    }
  } finally {
    limit.done();
  }
}
