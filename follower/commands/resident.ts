/** The connection of this CLI to the resident agent of a state directory. */
import type net from 'node:net';
import { AwError } from '../../contract/errors.ts';
import { agentProcess } from '../../tunnel/agent-process.ts';
import { connectEndpoint, socketPathFor } from '../../tunnel/endpoint.ts';
import { connectOrStart } from '../../tunnel/resident.ts';

const START_MS = 20_000;

/** @throws AW_AGENT_START_FAILED, AW_HOST_UNREACHABLE, AW_DISK */
export async function connectResident(stateDir: string): Promise<net.Socket> {
  // The script that runs now is the agent too, from sources or bundled.
  const agent = agentProcess(process.argv[1]!, stateDir, socketPathFor(stateDir));
  const { socket } = await connectOrStart({ ...agent, timeoutMs: START_MS });
  return socket;
}

/** @throws AW_AGENT_STOPPED when there is none; AW_HOST_UNREACHABLE when it does not answer. */
export async function connectRunning(stateDir: string): Promise<net.Socket> {
  try {
    return await connectEndpoint({ kind: 'socket', path: socketPathFor(stateDir) }, { timeoutMs: START_MS });
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    const isStopped = code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED';
    throw isStopped ? new AwError('AW_AGENT_STOPPED', {}, { cause: error }) : error;
  }
}
