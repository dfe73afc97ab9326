/** Carries out an order to make followers' files equal to the project's. */
import type { WireError } from '../../contract/events.ts';
import type { FenceOrder } from '../../contract/leader-api.ts';
import { findProject } from '../catalogue/project.ts';
import type { HostFence, Snapshot } from '../fence/fence.ts';
import { fenceProject } from '../fence/index.ts';
import { chooseHosts, reachOf } from './plan.ts';
import type { Means, Watcher } from './types.ts';

/** Plain data: it may come from another process. */
export interface FenceAnswer extends Snapshot {
  project: string;
  hosts: FencedHost[];
}

/** What became of a host; `tookMs` in whole milliseconds. */
export interface FencedHost extends Omit<HostFence, 'error' | 'healed'> {
  host: string;
  error?: WireError;
  healed?: WireError;
}

/**
 * Resolves when the last host is done, in the catalogue's order.
 * @throws AW_CATALOG_*, AW_SELECTOR_*, and what concerns the project itself: no follower was touched then
 */
export async function leadFence(
  order: FenceOrder,
  { ask, gone, onPhase }: Watcher,
  { stateDir, connect, trees, timing }: Means,
): Promise<FenceAnswer> {
  const { cwd, env, options } = order;
  const { timeout, level, portability, snapshot, engine, heal, adopt, allowEmpty } = options;
  const project = findProject(cwd);
  const { host, tag, hosts: file } = options;
  const hosts = await chooseHosts({ cwd, env, host, tag, hosts: file });
  for (const { name } of hosts) onPhase(name, 'waiting');
  const { results, ...frozen } = await fenceProject(project, hosts, {
    stateDir,
    ...(connect === undefined ? {} : { connect }),
    ...(trees === undefined ? {} : { trees }),
    ...(timing === undefined ? {} : { timing }),
    ...(gone === undefined ? {} : { signal: gone }),
    timeoutMs: timeout,
    rehash: level === 'rehash',
    portability,
    snapshot,
    engine,
    heal,
    adopt: adopt === true,
    allowEmpty: allowEmpty === true,
    reach: reachOf(options),
    asker: { env, ask },
    onPhase,
  });
  const fenced = await results;
  return { project, ...frozen, hosts: hosts.map(({ name }) => asData(name, fenced[name]!)) };
}

function asData(host: string, { error, healed, tookMs, ...result }: HostFence): FencedHost {
  return {
    host,
    ...result,
    tookMs: Math.round(tookMs),
    ...(error === undefined ? {} : { error: error.toWire() }),
    ...(healed === undefined ? {} : { healed: healed.toWire() }),
  };
}
