/** To a login shell that is ready for a program. */
import { randomBytes } from 'node:crypto';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { agentlessLine, needsAgent } from '../../follower/adapters/agentless-posix.ts';
import type { RunClient } from '../follower-client.ts';
import type { TransportContext } from '../transports/index.ts';
import { startLimit } from '../transports/limit.ts';
import { openSsh, type SshWay } from '../transports/ssh/index.ts';
import { createAgentlessClient } from './client.ts';
import { listen } from './talk.ts';

/** What a run there lacks, and what to do about it. */
const LACKS =
  'runs without an agent, on the files that are there: the run ends with its connection, a cancel reaches only the process group of the command, and a death ' +
  'by signal shows as exit code 128 and its number; install aw-follower there for all of that';

/**
 * Logs in and waits until the login shell has got to `/bin/sh`. Nothing is asked of the host before `startRun`.
 * @throws AW_HOST_UNREACHABLE, AW_SSH_*, AW_PROTOCOL_GARBAGE, AW_AGENT_NEEDED, AW_TRANSPORT_UNSUPPORTED
 */
export async function connectAgentless(host: HostEntry, context: TransportContext): Promise<RunClient> {
  const { os } = host;
  const way = wayOf(host);
  try {
    if (os === 'windows') throw needsAgent('a run on Windows', 'its SSH server runs no POSIX shell');
    const [hello, frame] = [newWord(), newWord()];
    const line = agentlessLine(hello, host.shell);
    const alive = { ...context, keepAlive: true };
    const start = performance.now();
    const limit = startLimit(context, 'SSH does not get there');
    try {
      const connection = await openSsh[way](host, alive, limit);
      try {
        const remote = await limit.race(connection.start(line));
        const talk = listen(remote, hello, frame);
        limit.waitFor(
          () => 'its login shell runs no command: a start-up file may wait or start another shell',
        );
        await limit.race(talk.greeted);
        context.tell?.(`${host.name} ${LACKS}`);
        const rttMs = performance.now() - start;
        return createAgentlessClient({
          host,
          os,
          hello,
          frame,
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
