/** Ending a run from another process than the one that leads it. */
import { writeFileSync } from 'node:fs';
import { asAwError } from '../../contract/errors.ts';
import type { WireError } from '../../contract/events.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { connectFollower } from '../follower-client.ts';
import { findRecord } from '../records/read.ts';
import { cancelFile, runDirectory } from '../records/record.ts';
import { diskError, stateRoot } from '../state.ts';
import type { TransportContext } from '../transports/index.ts';
import type { CancelLevel } from './cancellation.ts';
import type { RunOptions } from './start.ts';
import { defaultTiming } from './timing.ts';

export interface CancelReport {
  host: string;
  /** `ending`: its processes are being ended; attach to the run to see that through. */
  state: 'ending' | 'ended' | 'unknown';
  /** Why it is unknown. */
  error?: WireError;
}

/**
 * Asks every host to end its part of the run, and the leader that follows it to start it nowhere else. Does not wait for
 * the end.
 * @throws AW_RUN_NOT_FOUND, AW_DISK
 */
export async function cancelRun(
  runId: string,
  options: RunOptions & { how?: CancelLevel } = {},
): Promise<CancelReport[]> {
  const stateDir = options.stateDir ?? stateRoot();
  const { hosts, state } = findRecord(stateDir, runId);
  if (state === 'ended') return hosts.map(({ name }) => ({ host: name, state: 'ended' }));
  const marker = cancelFile(runDirectory(stateDir, runId));
  try {
    writeFileSync(marker, '', { mode: 0o600 });
  } catch (error) {
    throw diskError(marker, error);
  }
  const { how = 'interrupt', timing } = options;
  // Started if need be: only the agent can look after what is left of its runs.
  const context = { stateDir, timeoutMs: timing?.connect ?? defaultTiming.connect, start: true };
  return Promise.all(hosts.map(host => cancelHost(host, runId, how, context)));
}

async function cancelHost(
  host: HostEntry,
  runId: string,
  signal: CancelLevel,
  context: TransportContext,
): Promise<CancelReport> {
  try {
    const client = await connectFollower(host, context);
    try {
      const { state } = await client.signal(runId, { signal, cancel: true });
      return { host: host.name, state: state === 'ended' ? 'ended' : 'ending' };
    } finally {
      client.close();
    }
  } catch (thrown) {
    const error = asAwError(thrown, host.name);
    // It was not started there, and with the marker written it will not be.
    if (error.code === 'AW_RUN_NOT_FOUND') return { host: host.name, state: 'ended' };
    return { host: host.name, state: 'unknown', error: error.toWire() };
  }
}
