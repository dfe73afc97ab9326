/** The connection of this CLI to the resident agent of a state directory. */
import type net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { socketPathFor } from '../../tunnel/endpoint.ts';
import { connectOrStart, residentEnvironment } from '../../tunnel/resident.ts';

const launcher = fileURLToPath(new URL('../../bin/aw-follower.js', import.meta.url));
const START_MS = 20_000;
/** Seconds after which an agent that was started by need ends again. */
const IDLE_EXIT = 300;

/** @throws AW_AGENT_START_FAILED, AW_HOST_UNREACHABLE, AW_DISK */
export async function connectResident(stateDir: string): Promise<net.Socket> {
  const path = socketPathFor(stateDir);
  const args = ['serve', '--state-dir', stateDir, '--socket', path, '--idle-exit', String(IDLE_EXIT)];
  const { socket } = await connectOrStart({
    endpoint: { kind: 'socket', path },
    timeoutMs: START_MS,
    start: {
      file: process.execPath,
      args: [launcher, ...args],
      env: residentEnvironment(),
      cwd: stateDir,
      logFile: join(stateDir, 'agent.log'),
    },
  });
  return socket;
}
