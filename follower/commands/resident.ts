/** The connection of this CLI to the resident agent of a state directory. */
import type net from 'node:net';
import { agentProcess } from '../../tunnel/agent-process.ts';
import { socketPathFor } from '../../tunnel/endpoint.ts';
import { connectOrStart } from '../../tunnel/resident.ts';

const START_MS = 20_000;

/** @throws AW_AGENT_START_FAILED, AW_HOST_UNREACHABLE, AW_DISK */
export async function connectResident(stateDir: string): Promise<net.Socket> {
  const agent = agentProcess(stateDir, socketPathFor(stateDir));
  const { socket } = await connectOrStart({ ...agent, timeoutMs: START_MS });
  return socket;
}
