/** Followers on this machine: an agent process that the leader starts when needed, or one that already runs. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostEntry } from '../../contract/hosts.ts';
import { agentProcess } from '../../tunnel/agent-process.ts';
import { connectEndpoint, type Endpoint, parseEndpoint, socketPathFor } from '../../tunnel/endpoint.ts';
import { connectOrStart } from '../../tunnel/resident.ts';
import { makePrivateDirectory } from '../state.ts';
import type { Transport } from './types.ts';

const launcher = fileURLToPath(new URL('../../bin/aw-follower.js', import.meta.url));

export const local: Transport = async (host, context) => {
  const endpoint = localEndpoint(host, context.stateDir);
  const limits = {
    timeoutMs: context.timeoutMs,
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  };
  if (host.socket !== undefined || !context.start) return connectEndpoint(endpoint, limits);

  const directory = agentDirectory(host, context.stateDir);
  makePrivateDirectory(directory);
  const { socket } = await connectOrStart({
    ...agentProcess(launcher, directory, socketPathFor(directory), context.env),
    ...limits,
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
