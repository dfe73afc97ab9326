/** Picks the way to a follower by the `transport` of its catalogue entry. */
import { AwError, show } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { local } from './local.ts';
import type { SshWay } from './ssh/index.ts';
import type { AgentStream, Transport, TransportContext } from './types.ts';

export type { AgentStream, Ask, Reach, TransportContext } from './types.ts';

/** What only some fleets need is loaded when it is. */
function overSsh(way: SshWay): Transport {
  return async (...to) => (await import('./ssh.ts')).overSsh(way)(...to);
}

const transports = new Map<string, Transport>([
  ['local', local],
  ['openssh', overSsh('openssh')],
  ['ssh', overSsh('ssh')],
  ['auto', overSsh('auto')],
]);

/** @throws AW_TRANSPORT_UNSUPPORTED, AW_AGENT_NEEDED, and what the transport throws; always an `AwError` that names the host. */
export async function openTransport(host: HostEntry, context: TransportContext): Promise<AgentStream> {
  if (host.agentless === true) {
    const reason = `the catalogue says of ${host.name} that it has none ("agentless")`;
    throw new AwError('AW_AGENT_NEEDED', { what: 'this', reason }, { host: host.name });
  }
  const transport = transports.get(host.transport);
  if (transport === undefined) {
    throw new AwError(
      'AW_TRANSPORT_UNSUPPORTED',
      { transport: show(host.transport), available: [...transports.keys()].join(', ') },
      { host: host.name },
    );
  }
  return transport(host, context);
}
