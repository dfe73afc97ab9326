/** Picks the way to a follower by the `transport` of its catalogue entry. */
import type { Duplex } from 'node:stream';
import { AwError, show } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { local } from './local.ts';
import type { Transport, TransportContext } from './types.ts';

export type { TransportContext } from './types.ts';

/** What only some fleets need is loaded when it is. */
const openssh: Transport = async (...way) => (await import('./openssh.ts')).openssh(...way);
const ssh: Transport = async (...way) => (await import('./ssh.ts')).ssh(...way);

/** Which of the two SSH transports reaches a host best: see docs/adr/0006. */
const auto: Transport = async (host, context) => {
  const { configures } = await import('./ssh-config.ts');
  return (await configures(host.address!)) ? openssh(host, context) : ssh(host, context);
};

const transports = new Map<string, Transport>([
  ['local', local],
  ['openssh', openssh],
  ['ssh', ssh],
  ['auto', auto],
]);

/** @throws AW_TRANSPORT_UNSUPPORTED, and what the transport throws; always an `AwError` that names the host. */
export async function openTransport(host: HostEntry, context: TransportContext): Promise<Duplex> {
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
