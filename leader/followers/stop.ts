/** Ends a follower's agent. */
import { AwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { isAlive, startMark } from '../../tunnel/identity.ts';
import { connectFollower, type FollowerClient } from '../follower-client.ts';
import type { RunOptions } from '../run-everywhere/start.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import { isStopped } from './list.ts';

/** Its runs are ended first, and those take their grace periods. */
const END_LIMIT = 20_000;

export interface StopOptions extends RunOptions {
  /** Also with runs in progress, which are ended. */
  force?: boolean;
}

/**
 * `stopped` says whether there was an agent to stop. Resolves when it is gone.
 * @throws AW_TOO_MANY_RUNS when it has runs in progress and `force` is not given; AW_HOST_UNREACHABLE
 */
export async function stopFollower(
  host: HostEntry,
  options: StopOptions = {},
): Promise<{ stopped: boolean; pid?: number }> {
  const stateDir = options.stateDir ?? stateRoot();
  const timeoutMs = options.timing?.connect ?? defaultTiming.connect;
  let client: FollowerClient;
  try {
    client = await connectFollower(host, { stateDir, timeoutMs, start: false });
  } catch (error) {
    if (isStopped(host, error) || isMissing(error)) return { stopped: false };
    throw error;
  }
  try {
    const { pid } = client.info;
    const force = options.force === true;
    const live = force ? 0 : (await client.runs()).filter(run => run.state !== 'ended').length;
    if (live > 0) throw new AwError('AW_TOO_MANY_RUNS', { count: live }, { host: host.name });
    const mark = host.transport === 'local' ? startMark(pid) : undefined;
    // The answer may go down with the agent; whether it is gone is looked at anyway.
    await client.shutdown({ force }).catch((error: AwError) => {
      if (error.code !== 'AW_HOST_UNREACHABLE') throw error;
    });
    await gone(host, client, pid, mark);
    return { stopped: true, pid };
  } finally {
    client.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof AwError && ['AW_AGENT_MISSING', 'AW_AGENT_NEEDED'].includes(error.code);
}

/** An agent of this machine is gone with its process, any other with its connection. */
async function gone(
  host: HostEntry,
  client: FollowerClient,
  pid: number,
  mark: string | undefined,
): Promise<void> {
  const until = performance.now() + END_LIMIT;
  let isClosed = false;
  void client.closed.then(() => {
    isClosed = true;
  });
  while (performance.now() < until) {
    if (mark === undefined ? isClosed : !isAlive(pid, mark)) return;
    await new Promise(fulfil => setTimeout(fulfil, 20));
  }
  const reason = `its agent (process ${pid}) did not end within ${END_LIMIT / 1000} s`;
  throw new AwError('AW_HOST_UNREACHABLE', { reason }, { host: host.name });
}
