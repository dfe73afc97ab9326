/** The short way to an agent over SSH: straight to its socket, with no login shell and no program in between. */
import type { Duplex } from 'node:stream';
import { AwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { type AgentSockets, agentSockets } from './agent-sockets.ts';
import type { Limit } from './limit.ts';
import { reachAgent } from './remote-agent.ts';
import { sshAddress, sshUser } from './ssh/errors.ts';
import type { SshConnection } from './ssh/index.ts';
import type { TransportContext } from './types.ts';

/** Milliseconds to the agent's first word. Whatever listens there and says nothing costs no more. */
const FIRST_WORD = 3_000;

/** What is remembered of the agent behind this connection; undefined where there is no short way. */
export function rememberedSocket(
  host: HostEntry,
  { hostKey, openSocket }: SshConnection,
  { stateDir }: TransportContext,
): AgentSockets | undefined {
  if (hostKey === undefined || openSocket === undefined) return undefined;
  return agentSockets(stateDir, [hostKey, sshAddress(host), sshUser(host), host.agent ?? '']);
}

/**
 * Undefined when it is not known where the agent listens, or when that did not lead to it; then it is forgotten and the
 * connection is as good as before. It ends with the stream.
 */
export async function reachDirectly(
  connection: SshConnection,
  sockets: AgentSockets,
  limit: Limit,
): Promise<Duplex | undefined> {
  const path = sockets.find();
  if (path === undefined) return undefined;
  limit.waitFor(() => 'it takes the login but does not say whether the agent is there');
  let timer: NodeJS.Timeout | undefined;
  try {
    const { stdin, stdout, exited } = await limit.race(connection.openSocket!(path));
    // An end of theirs closes nothing before ours.
    stdout.once('end', () => stdout.destroy());
    timer = setTimeout(() => stdout.destroy(), FIRST_WORD);
    let isAgent = false;
    const ended = exited.then(({ failure }) => (failure?.cause === undefined ? hungUp() : failure));
    const end = () => (isAgent ? connection.close() : void stdout.destroy());
    const stream = await reachAgent({ output: stdout, input: stdin, ended, end }, limit);
    isAgent = true;
    return stream;
  } catch {
    sockets.learn(undefined);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function hungUp(): AwError {
  return new AwError('AW_HOST_UNREACHABLE', { reason: 'the agent, or the connection to it, has ended' });
}
