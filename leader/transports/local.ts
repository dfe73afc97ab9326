/** Followers on this machine: an agent process that the leader starts when needed, or one that already runs. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostEntry } from '../../contract/hosts.ts';
import { connectEndpoint, type Endpoint, parseEndpoint, socketPathFor } from '../../tunnel/endpoint.ts';
import { connectOrStart, residentEnvironment } from '../../tunnel/resident.ts';
import { makePrivateDirectory } from '../state.ts';
import type { Transport } from './types.ts';

const launcher = fileURLToPath(new URL('../../bin/aw-follower.js', import.meta.url));
/** Seconds without a run or a connection after which a started agent ends. */
const IDLE_EXIT = 300;

export const local: Transport = async (host, context) => {
  const endpoint = localEndpoint(host, context.stateDir);
  const limits = {
    timeoutMs: context.timeoutMs,
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  };
  if (host.socket !== undefined || !context.start) return connectEndpoint(endpoint, limits);

  const directory = agentDirectory(host, context.stateDir);
  const socketPath = socketPathFor(directory);
  const { socket } = await connectOrStart({
    endpoint,
    ...limits,
    start: {
      file: process.execPath,
      args: [
        launcher,
        'serve',
        '--state-dir',
        directory,
        '--socket',
        socketPath,
        '--idle-exit',
        String(IDLE_EXIT),
      ],
      env: residentEnvironment(),
      cwd: makePrivateDirectory(directory),
      logFile: join(directory, 'agent.log'),
    },
  });
  return socket;
};

/** Where the agent of a `local` host listens: its own `socket`, or the one made for its name and workspace. */
export function localEndpoint(host: HostEntry, stateDir: string): Endpoint {
  if (host.socket !== undefined) return parseEndpoint(host.socket);
  return { kind: 'socket', path: socketPathFor(agentDirectory(host, stateDir)) };
}

/** One per name and workspace, so that two projects which both have a `lin-01` do not share an agent. */
function agentDirectory(host: HostEntry, stateDir: string): string {
  const digest = createHash('sha256').update(host.workspace).digest('hex').slice(0, 8);
  return join(stateDir, 'followers', `${host.name}-${digest}`);
}
