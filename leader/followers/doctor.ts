/** What is right and wrong with each follower, step by step: seen from here, and by itself. */
import { type AwError, asAwError } from '../../contract/errors.ts';
import type { Finding, FollowerReport } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { formatEndpoint } from '../../tunnel/endpoint.ts';
import { connectFollower } from '../follower-client.ts';
import type { RunOptions } from '../run-everywhere/start.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import type { Reach, TransportContext } from '../transports/index.ts';
import { localEndpoint } from '../transports/local.ts';
import { fixLocal } from './doctor/connection.ts';
import { clock, roundTrip } from './doctor/link.ts';
import { agentFindings, ms, skipped, type Way } from './doctor/way.ts';

const PINGS = 5;

/** What needs an agent that answers. */
const OF_MACHINE = ['shells', 'path', 'tools', 'workspace', 'clock', 'round trip'];
/** What the leader knows better than the agent that it asks. */
const SEEN_FROM_HERE = new Set(['agent', 'clock']);

export interface DoctorOptions extends RunOptions {
  reach?: Reach;
  /** The project's root on the leader, which each workspace stands for. */
  project?: string;
  /** As soon as there is one. */
  onReport?: (report: FollowerReport) => void;
}

/**
 * Starts the agents that are needed. All hosts at once, so that none waits for another. The reports are in the order of
 * `hosts`. Never throws for a host.
 */
export function followersDoctor(
  hosts: readonly HostEntry[],
  options: DoctorOptions = {},
): Promise<FollowerReport[]> {
  const context: TransportContext = {
    stateDir: options.stateDir ?? stateRoot(),
    timeoutMs: options.timing?.connect ?? defaultTiming.connect,
    start: true,
    ...options.reach,
    ...options.asker,
  };
  return Promise.all(
    hosts.map(async host => {
      const report = await examine(host, context, options);
      options.onReport?.(report);
      return report;
    }),
  );
}

async function examine(
  host: HostEntry,
  context: TransportContext,
  options: DoctorOptions,
): Promise<FollowerReport> {
  const { findings, client, sshdPath } = await wayTo(host, context);
  if (client === undefined) {
    const reachable = findings.every(({ status }) => status !== 'failed');
    const rest = reachable ? [] : skipped(findings, OF_MACHINE);
    return { host: host.name, reachable, findings: [...findings, ...rest] };
  }
  try {
    const report = await client.doctor({
      cwd: host.workspace,
      ...(sshdPath === undefined ? {} : { path: sshdPath }),
    });
    const machine = report.findings
      .filter(({ check }) => !SEEN_FROM_HERE.has(check))
      .map(finding => asSeenFromHere(finding, host, options.project));
    const times: number[] = [];
    for (let i = 0; i < PINGS; i++) times.push(await client.ping());
    const link = [clock(client.clockSkewMs, client.rttMs), roundTrip(times)];
    return {
      host: host.name,
      reachable: true,
      info: report.info,
      findings: [...findings, ...machine, ...link],
    };
  } catch (thrown) {
    const failure = failed('doctor', asAwError(thrown, host.name), host);
    const all = [...findings, failure];
    return {
      host: host.name,
      reachable: true,
      info: client.info,
      findings: [...all, ...skipped(all, OF_MACHINE)],
    };
  } finally {
    client.close();
  }
}

/** Never rejects. What only some fleets need is loaded when it is. */
async function wayTo(host: HostEntry, context: TransportContext): Promise<Way> {
  try {
    if (host.address !== undefined && host.transport !== 'local') {
      const { overSsh } = await import('./doctor/over-ssh.ts');
      return await overSsh(host, context);
    }
    const start = performance.now();
    const client = await connectFollower(host, context);
    const at = host.transport === 'local' ? formatEndpoint(localEndpoint(host, context.stateDir)) : '';
    return { client, findings: agentFindings(client, host, `${ms(start)} to ${at}`) };
  } catch (thrown) {
    const findings = [failed('agent', asAwError(thrown, host.name), host)];
    return { findings: [...findings, ...skipped(findings, ['protocol'])] };
  }
}

function failed(check: string, error: AwError, host: HostEntry): Finding {
  return { check, status: 'failed', detail: `${error.message} (${error.code})`, fix: fixLocal(error, host) };
}

/** The agent says what to type on its own machine, and knows nothing of the leader's. */
function asSeenFromHere(finding: Finding, host: HostEntry, project: string | undefined): Finding {
  const isElsewhere = host.transport !== 'local' && finding.fix !== undefined;
  return {
    ...finding,
    ...(finding.check === 'workspace' && project !== undefined
      ? { detail: `${project} is ${finding.detail}` }
      : {}),
    ...(isElsewhere ? { fix: `on ${host.name}: ${finding.fix}` } : {}),
  };
}
