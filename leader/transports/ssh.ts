/** The agent of a host that is reached over SSH. */

import { AwError } from '../../contract/errors.ts';
import type { Info } from '../../contract/follower-api.ts';
import { reachDirectly, rememberedSocket } from './direct.ts';
import { startLimit } from './limit.ts';
import { agentCommand, explainEnd, keepTail, reachAgent } from './remote-agent.ts';
import { openSsh, type SshWay } from './ssh/index.ts';
import type { Transport } from './types.ts';

/** @throws AW_HOST_UNREACHABLE, AW_SSH_*, AW_AGENT_*, AW_INSTALL_*, AW_DISK and AW_PROTOCOL_GARBAGE */
export function overSsh(way: SshWay): Transport {
  const dial = dialAgent(way);
  return async (host, context) => {
    try {
      return await dial(host, context);
    } catch (error) {
      const isMissing = error instanceof AwError && error.code === 'AW_AGENT_MISSING';
      if (!isMissing || context.autoInstall !== true) throw error;
      const { canInstall, installAgent } = await import('../install/install.ts');
      if (!canInstall(host)) throw error;
      const { path, node } = await installAgent(host, context);
      context.tell?.(`${host.name}: installed the agent as ${path}, on ${node}`);
      return dial(host, context);
    }
  };
}

function dialAgent(way: SshWay): Transport {
  return async (host, context) => {
    const limit = startLimit(context, 'SSH does not get there');
    try {
      const connection = await openSsh[way](host, context, limit);
      try {
        const sockets = rememberedSocket(host, connection, context);
        const learn = (info: Info) => sockets?.learn(info.socket);
        const direct = sockets && (await reachDirectly(connection, sockets, limit));
        if (direct !== undefined) return Object.assign(direct, { learn });
        limit.waitFor(() => 'it takes the login but starts no command');
        const { stdout, stdin, stderr, exited } = await limit.race(
          connection.start(agentCommand(host, context.start)),
        );
        const lastOfStderr = keepTail(stderr);
        const ended = exited.then(
          exit => exit.failure ?? explainEnd(host, { ...exit, stderr: lastOfStderr() }),
        );
        const remote = { output: stdout, input: stdin, ended, end: connection.close };
        return Object.assign(await reachAgent(remote, limit), { learn });
      } catch (error) {
        connection.close();
        throw error;
      }
    } finally {
      limit.done();
    }
  };
}
