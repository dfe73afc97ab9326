/** What the resident leader does for `aw agent fleet`. */
import { asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { UpOrder } from '../../contract/leader-api.ts';
import { VERSION } from '../../contract/version.ts';
import type { Pool } from '../connections/pool.ts';
import { chooseHosts, reachOf } from '../orders/plan.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import type { FleetHost, FleetStatus } from './messages.ts';
import type { Peer } from './peer.ts';
import type { State } from './state.ts';

/**
 * Connects to the selected hosts at the same time, and tells of each in the catalogue's order.
 * @throws AW_CATALOG_*, AW_SELECTOR_*
 */
export async function warmUp(order: UpOrder, peer: Peer, pool: Pool, stateDir: string): Promise<void> {
  const hosts = await chooseHosts(order);
  const reached = hosts.map(host => reach(host, order, pool, stateDir));
  for (const host of reached) await peer.say({ leader: 'host', ...(await host) });
}

async function reach(host: HostEntry, order: UpOrder, pool: Pool, stateDir: string): Promise<FleetHost> {
  const { name, transport } = host;
  try {
    const { env } = order;
    const context = { stateDir, timeoutMs: defaultTiming.connect, start: true, env, ...reachOf(order) };
    const { version, rttMs } = await pool.warm(host, context);
    return {
      host: name,
      transport,
      ...(version === undefined ? {} : { version }),
      ...(rttMs === undefined ? {} : { rttMs }),
    };
  } catch (error) {
    return { host: name, transport, error: asAwError(error, name).toWire() };
  }
}

export function fleetStatus(state: State, pool: Pool): FleetStatus {
  return {
    pid: process.pid,
    version: VERSION,
    startedAt: state.startedAt.toISOString(),
    memory: process.memoryUsage.rss(),
    runs: state.runs(),
    connections: pool.status(),
  };
}
