/** How each follower stands, without changing it: no agent is started for it. */
import { AwError, asAwError } from '../../contract/errors.ts';
import type { WireError } from '../../contract/events.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { formatEndpoint } from '../../tunnel/endpoint.ts';
import { connectFollower } from '../follower-client.ts';
import type { RunOptions } from '../run-everywhere/start.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import { localEndpoint } from '../transports/local.ts';

export interface FollowerState {
  name: string;
  os: HostEntry['os'];
  transport: string;
  workspace: string;
  tags: string[];
  /** Where its agent listens; absent for a transport that cannot say. */
  endpoint?: string;
  /** `stopped`: its agent starts when it is needed. */
  state: 'running' | 'stopped' | 'unreachable';
  pid?: number;
  version?: string;
  hostname?: string;
  /** Runs in progress there. */
  runs?: number;
  /** Why it is unreachable. */
  error?: WireError;
}

/** In the order of `hosts`. Never throws for a host. */
export function followersList(
  hosts: readonly HostEntry[],
  options: RunOptions = {},
): Promise<FollowerState[]> {
  const stateDir = options.stateDir ?? stateRoot();
  const timeoutMs = options.timing?.connect ?? defaultTiming.connect;
  return Promise.all(hosts.map(host => lookAt(host, stateDir, timeoutMs)));
}

async function lookAt(host: HostEntry, stateDir: string, timeoutMs: number): Promise<FollowerState> {
  const { name, os, transport, workspace, tags = [] } = host;
  const known = { name, os, transport, workspace, tags };
  try {
    const at = transport === 'local' ? { endpoint: formatEndpoint(localEndpoint(host, stateDir)) } : {};
    try {
      const client = await connectFollower(host, { stateDir, timeoutMs, start: false });
      try {
        const runs = (await client.runs()).filter(run => run.state !== 'ended').length;
        const { pid, version, hostname } = client.info;
        return { ...known, ...at, state: 'running', pid, version, hostname, runs };
      } finally {
        client.close();
      }
    } catch (error) {
      if (isStopped(host, error)) return { ...known, ...at, state: 'stopped' };
      return { ...known, ...at, state: 'unreachable', error: asAwError(error, name).toWire() };
    }
  } catch (error) {
    return { ...known, state: 'unreachable', error: asAwError(error, name).toWire() };
  }
}

/** Nobody listens where the leader would start an agent. */
export function isStopped(host: HostEntry, error: unknown): boolean {
  if (error instanceof AwError && error.code === 'AW_AGENT_STOPPED') return true;
  if (host.transport !== 'local' || host.socket !== undefined) return false;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return true;
  }
  return false;
}
