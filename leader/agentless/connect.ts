/** To a login shell that is ready for a program. */
import { randomBytes } from 'node:crypto';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { RunClient } from '../follower-client.ts';
import type { TransportContext } from '../transports/index.ts';
import { startLimit } from '../transports/limit.ts';
import { openSsh, type SshWay } from '../transports/ssh/index.ts';
import { createAgentlessClient } from './client.ts';
import { posixDialect } from './posix.ts';
import { listen } from './talk.ts';

/**
 * Logs in and waits until the login shell has got to what takes a program. No command is named before `startRun`.
 * @throws AW_HOST_UNREACHABLE, AW_SSH_*, AW_PROTOCOL_GARBAGE, AW_AGENT_NEEDED, AW_TRANSPORT_UNSUPPORTED
 */
export async function connectAgentless(host: HostEntry, context: TransportContext): Promise<RunClient> {
  const way = wayOf(host);
  try {
    const dialectOf = host.os === 'windows' ? (await import('./windows.ts')).windowsDialect : posixDialect;
    const dialect = dialectOf(host, newWord(), newWord());
    const alive = { ...context, keepAlive: true };
    const start = performance.now();
    const limit = startLimit(context, 'SSH does not get there');
    try {
      const connection = await openSsh[way](host, alive, limit);
      try {
        const remote = await limit.race(connection.start(dialect.line));
        const talk = listen(remote, dialect);
        remote.stdin.on('error', () => {}).write(dialect.opening);
        limit.waitFor(() => dialect.noGreeting);
        await limit.race(talk.greeted);
        context.tell?.(
          `${host.name} runs without an agent, on the files that are there: ${dialect.lacks}; install aw-follower there for all of that`,
        );
        const rttMs = performance.now() - start;
        return createAgentlessClient({
          host,
          dialect,
          context: alive,
          way,
          connection,
          remote,
          talk,
          rttMs,
        });
      } catch (error) {
        connection.close();
        throw error;
      }
    } finally {
      limit.done();
    }
  } catch (error) {
    throw asAwError(error, host.name);
  }
}

function wayOf({ name, transport }: HostEntry): SshWay {
  if (Object.hasOwn(openSsh, transport)) return transport as SshWay;
  const available = `${Object.keys(openSsh).join(', ')} for a host without an agent`;
  throw new AwError('AW_TRANSPORT_UNSUPPORTED', { transport, available }, { host: name });
}

/** Nobody can guess it, and no command prints it by chance. */
function newWord(): string {
  return `aw-${randomBytes(16).toString('hex')}`;
}
