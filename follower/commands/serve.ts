/** `aw-follower serve`. */
import { AwError, show } from '../../contract/errors.ts';
import { VERSION } from '../../contract/version.ts';
import { type Endpoint, formatEndpoint, socketPathFor } from '../../tunnel/endpoint.ts';
import { startAgent } from '../agent/agent.ts';
import { bearerCheck, readToken } from '../agent/auth.ts';
import { log } from '../agent/log.ts';
import type { FollowerOptions } from '../main.ts';
import { stateDirectory } from './state-directory.ts';

/** Resolves when the agent has ended. */
export async function serve(options: FollowerOptions): Promise<number> {
  const stateDir = stateDirectory(options['state-dir']);
  const idle = options['idle-exit'];
  if (idle !== undefined && !/^\d{1,6}$/.test(idle)) throw usage('--idle-exit must be a number of seconds');
  const agent = await startAgent({
    stateDir,
    ...where(options, stateDir),
    ...(idle === undefined ? {} : { idleExitMs: Number(idle) * 1000 }),
  });
  const end = (signal: string) => {
    log(`ending on ${signal}`);
    void agent.close();
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  try {
    log(`version ${VERSION}, process ${process.pid}, state in ${stateDir}`);
    process.stdout.write(`aw-follower listens on ${formatEndpoint(agent.endpoint)}\n`);
    await agent.ended;
  } finally {
    process.off('SIGTERM', end);
    process.off('SIGINT', end);
  }
  return 0;
}

function where(options: FollowerOptions, stateDir: string) {
  const { socket, listen, 'token-file': tokenFile } = options;
  if (listen === undefined) {
    if (tokenFile !== undefined) throw usage('--token-file goes with --listen');
    const endpoint: Endpoint = { kind: 'socket', path: socket ?? socketPathFor(stateDir) };
    return { endpoint, authorize: () => {} };
  }
  if (socket !== undefined) throw usage('--socket and --listen exclude each other');
  if (tokenFile === undefined) throw usage('--listen needs --token-file');
  return { endpoint: parseListen(listen), authorize: bearerCheck(readToken(tokenFile)) };
}

/** `HOST:PORT` or `[HOST]:PORT`, with or without `tcp://`; port 0 lets the system choose. */
function parseListen(text: string): Endpoint {
  const match = /^(?:tcp:\/\/)?(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535) throw usage(`--listen ${show(text)} is not HOST:PORT`);
  return { kind: 'tcp', host, port };
}

function usage(problem: string): AwError {
  return new AwError('AW_USAGE', { problem, command: 'aw-follower serve' });
}
