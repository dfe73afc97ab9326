/**
 * Agentless mode: hosts that are reached over SSH and have no agent. A command runs there as a child of a login, with fewer
 * guarantees, of which a person is told.
 */
import { asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { ConnectRun, RunClient } from '../follower-client.ts';
import type { TransportContext } from '../transports/index.ts';

/**
 * `connect`, and a run without an agent for hosts that have none: by the catalogue (`agentless`), or, if it is asked for
 * (`Reach.agentless`), because it is missing.
 */
export function withAgentless(connect: ConnectRun): ConnectRun {
  return async (host, context, silence) => {
    if (host.agentless === true) return agentless(host, context);
    try {
      return await connect(host, context, silence);
    } catch (thrown) {
      const error = asAwError(thrown, host.name);
      if (context.agentless !== true || error.code !== 'AW_AGENT_MISSING') throw error;
      return agentless(host, context);
    }
  };
}

/** Loaded only for a host that needs it. */
async function agentless(host: HostEntry, context: TransportContext): Promise<RunClient> {
  const { connectAgentless } = await import('./connect.ts');
  return connectAgentless(host, context);
}
