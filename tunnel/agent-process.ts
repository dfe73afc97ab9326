/** How a follower's resident agent is started, by whoever needs it. */
import { join } from 'node:path';
import { type ResidentOptions, residentEnvironment } from './resident.ts';

/** Seconds without a run or a connection after which an agent that was started by need ends again. */
const IDLE_EXIT = 300;
/** MiB of V8's young generation. Output is short-lived garbage: the default lets it grow to three times the memory for nothing. */
const SEMI_SPACE = 8;

/**
 * The agent of a state directory, which exists, and its socket: what `connectOrStart` needs. `launcher`: the absolute path
 * of the script that is the agent, from sources or bundled. `env`: of whoever wants it; default of this process.
 */
export function agentProcess(
  launcher: string,
  stateDir: string,
  socketPath: string,
  env?: NodeJS.ProcessEnv,
): Pick<ResidentOptions, 'endpoint' | 'start'> {
  const serve = ['serve', '--state-dir', stateDir, '--socket', socketPath, '--idle-exit', String(IDLE_EXIT)];
  return {
    endpoint: { kind: 'socket', path: socketPath },
    start: {
      file: process.execPath,
      args: [`--max-semi-space-size=${SEMI_SPACE}`, launcher, ...serve],
      env: residentEnvironment(env),
      cwd: stateDir,
      logFile: join(stateDir, 'agent.log'),
    },
  };
}
