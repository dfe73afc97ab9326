/** The agent of a host that is reached over SSH. */

import { startLimit } from './limit.ts';
import { agentCommand, explainEnd, keepTail, reachAgent } from './remote-agent.ts';
import { openSsh, type SshWay } from './ssh/index.ts';
import type { Transport } from './types.ts';

/** @throws AW_HOST_UNREACHABLE, AW_SSH_*, AW_AGENT_*, AW_DISK and AW_PROTOCOL_GARBAGE */
export function overSsh(way: SshWay): Transport {
  return async (host, context) => {
    const limit = startLimit(context, 'SSH does not get there');
    try {
      const connection = await openSsh[way](host, context, limit);
      try {
        limit.waitFor(() => 'it takes the login but starts no command');
        const { stdout, stdin, stderr, exited } = await limit.race(
          connection.start(agentCommand(host, context.start)),
        );
        const lastOfStderr = keepTail(stderr);
        const ended = exited.then(
          exit => exit.failure ?? explainEnd(host, { ...exit, stderr: lastOfStderr() }),
        );
        return await reachAgent({ output: stdout, input: stdin, ended, end: connection.close }, limit);
      } catch (error) {
        connection.close();
        throw error;
      }
    } finally {
      limit.done();
    }
  };
}
