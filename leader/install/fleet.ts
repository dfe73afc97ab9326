/** What `aw agent followers install | upgrade | uninstall` does, on all hosts at once. */
import { AwError, asAwError } from '../../contract/errors.ts';
import type { WireError } from '../../contract/events.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { connectFollower } from '../follower-client.ts';
import { isStopped } from '../followers/list.ts';
import { type StopOptions, stopFollower } from '../followers/stop.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import type { Reach, TransportContext } from '../transports/index.ts';
import { type Installed, installAgent, installedAgent, removeAgent } from './install.ts';

export type Change = 'install' | 'upgrade' | 'uninstall';

export interface ChangeReport {
  host: string;
  /** `not needed`: followers of this machine have the agent of this installation. */
  done: 'installed' | 'upgraded' | 'up to date' | 'uninstalled' | 'not installed' | 'not needed' | 'failed';
  version?: string;
  /** The version that was current before. */
  before?: string;
  /** There: the agent's program, or what was removed. */
  path?: string;
  /** The Node it runs on. */
  node?: string;
  error?: WireError;
}

export interface ChangeOptions extends StopOptions {
  reach?: Reach;
}

/** In the order of `hosts`. Never throws for a host. */
export function changeAgents(
  change: Change,
  hosts: readonly HostEntry[],
  options: ChangeOptions = {},
): Promise<ChangeReport[]> {
  const context: TransportContext = {
    stateDir: options.stateDir ?? stateRoot(),
    timeoutMs: options.timing?.connect ?? defaultTiming.connect,
    start: false,
    ...options.reach,
  };
  return Promise.all(
    hosts.map(async host => {
      try {
        if (host.transport === 'local') return { host: host.name, done: 'not needed' };
        return { host: host.name, ...(await changes[change](host, context, options)) };
      } catch (error) {
        return { host: host.name, done: 'failed', error: asAwError(error, host.name).toWire() };
      }
    }),
  );
}

type Result = Omit<ChangeReport, 'host' | 'error'>;
type Act = (host: HostEntry, context: TransportContext, options: ChangeOptions) => Promise<Result>;

const install: Act = async (host, context) => {
  const installed = await installAgent(host, context);
  return { done: installed.unchanged ? 'up to date' : 'installed', ...details(installed) };
};

/** An agent of the old version would answer the next run as well. */
const upgrade: Act = async (host, context, options) => {
  const { there, here } = await installedAgent(host, context);
  if (there === undefined) return { done: 'not installed' };
  if (there === here) return install(host, context, options);
  await checkIdle(host, context, options);
  const installed = await installAgent(host, context);
  await stopFollower(host, options);
  return { done: 'upgraded', ...details(installed) };
};

const uninstall: Act = async (host, context, options) => {
  const { there } = await installedAgent(host, context);
  if (there !== undefined) {
    await checkIdle(host, context, options);
    await stopFollower(host, options);
  }
  const path = await removeAgent(host, context);
  return path === undefined ? { done: 'not installed' } : { done: 'uninstalled', path };
};

const changes: Record<Change, Act> = { install, upgrade, uninstall };

function details({ name, path, node, before }: Installed) {
  return { version: name, path, node, ...(before === undefined ? {} : { before }) };
}

/** @throws AW_AGENT_BUSY with the runs that would be ended, unless that is wanted. */
async function checkIdle(
  host: HostEntry,
  context: TransportContext,
  { force }: ChangeOptions,
): Promise<void> {
  if (force === true) return;
  try {
    const client = await connectFollower(host, context);
    try {
      const live = (await client.runs()).filter(run => run.state !== 'ended');
      if (live.length === 0) return;
      const runs = live.map(({ runId }) => runId).join(', ');
      throw new AwError('AW_AGENT_BUSY', { runs }, { host: host.name });
    } finally {
      client.close();
    }
  } catch (error) {
    if (!isStopped(host, error)) throw error;
  }
}
