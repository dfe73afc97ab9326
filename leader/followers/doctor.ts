/** What is right and wrong with each follower: seen from here, and by itself. */
import { statSync } from 'node:fs';
import { asAwError } from '../../contract/errors.ts';
import type { Finding, Info } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { PROTOCOL } from '../../contract/version.ts';
import { formatEndpoint } from '../../tunnel/endpoint.ts';
import { connectFollower, type FollowerClient } from '../follower-client.ts';
import type { RunOptions } from '../run-everywhere/start.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import type { Reach, TransportContext } from '../transports/index.ts';
import { localEndpoint } from '../transports/local.ts';

export interface FollowerReport {
  host: string;
  reachable: boolean;
  info?: Info;
  /** In the order they were made: each needs what comes before it. */
  findings: Finding[];
}

/** Above this a build tool that compares times across machines goes wrong. */
const SKEW_WARNING = 2_000;
const PINGS = 3;

export interface DoctorOptions extends RunOptions {
  reach?: Reach;
}

/** Starts the agents that are needed. In the order of `hosts`. Never throws for a host. */
export function followersDoctor(
  hosts: readonly HostEntry[],
  options: DoctorOptions = {},
): Promise<FollowerReport[]> {
  const context: TransportContext = {
    stateDir: options.stateDir ?? stateRoot(),
    timeoutMs: options.timing?.connect ?? defaultTiming.connect,
    start: true,
    ...options.reach,
  };
  return Promise.all(hosts.map(host => examine(host, context)));
}

async function examine(host: HostEntry, context: TransportContext): Promise<FollowerReport> {
  const findings: Finding[] = [];
  let check = 'resolution';
  try {
    findings.push({ check, status: 'ok', detail: describeWay(host, context.stateDir) });
    check = 'connect';
    const start = performance.now();
    const client = await connectFollower(host, context);
    try {
      const ms = Math.round(performance.now() - start);
      findings.push({ check, status: 'ok', detail: `connected in ${ms} ms` });
      check = 'round trip';
      findings.push(...seenFromHere(client), await roundTrip(client), ...workspaceFindings(host));
      check = 'doctor';
      const report = await client.doctor();
      return {
        host: host.name,
        reachable: true,
        info: report.info,
        findings: [...findings, ...report.findings],
      };
    } finally {
      client.close();
    }
  } catch (thrown) {
    const error = asAwError(thrown, host.name);
    findings.push({ check, status: 'failed', detail: `${error.code}: ${error.message}`, fix: error.remedy });
    return { host: host.name, reachable: check === 'doctor', findings };
  }
}

function describeWay(host: HostEntry, stateDir: string): string {
  if (host.address !== undefined && host.transport !== 'local') {
    const { address, port, sshUser } = host;
    const user = sshUser === undefined ? '' : `${sshUser}@`;
    return `transport ${host.transport} to ${user}${address}${port === undefined ? '' : `, port ${port}`}`;
  }
  if (host.transport !== 'local') return `transport ${host.transport}`;
  return `${host.socket === undefined ? 'an agent of this machine' : 'an agent that runs already'} at ${formatEndpoint(localEndpoint(host, stateDir))}`;
}

function seenFromHere({ info, clockSkewMs, rttMs }: FollowerClient): Finding[] {
  const skew = Math.abs(clockSkewMs);
  const direction = clockSkewMs > 0 ? 'ahead of' : 'behind';
  // Half a round trip is how well it can be known.
  const isExact = skew > rttMs / 2 + 1;
  const clock: Finding =
    skew > SKEW_WARNING
      ? {
          check: 'clock',
          status: 'warning',
          detail: `its clock is ${(skew / 1000).toFixed(1)} s ${direction} this one`,
          fix: 'turn on time synchronisation (NTP) there',
        }
      : {
          check: 'clock',
          status: 'ok',
          detail: isExact ? `${Math.round(skew)} ms ${direction} this one` : 'as this one',
        };
  return [
    {
      check: 'protocol',
      status: 'ok',
      detail: `protocol ${PROTOCOL}, version ${info.version}, agent process ${info.pid}`,
    },
    clock,
  ];
}

async function roundTrip(client: FollowerClient): Promise<Finding> {
  const times: number[] = [];
  for (let i = 0; i < PINGS; i++) times.push(await client.ping());
  return { check: 'round trip', status: 'ok', detail: `${Math.min(...times).toFixed(1)} ms` };
}

/** Only where the follower's files are this machine's own: an address may lead anywhere. */
function workspaceFindings(host: HostEntry): Finding[] {
  if (host.transport !== 'local' || host.socket?.startsWith('tcp://')) return [];
  const check = 'workspace';
  const status = statSync(host.workspace, { throwIfNoEntry: false });
  if (status === undefined) {
    const fix = `mkdir -p ${host.workspace}, or correct "workspace" of ${host.name} in the catalogue`;
    return [{ check, status: 'failed', detail: `${host.workspace} does not exist`, fix }];
  }
  if (!status.isDirectory()) {
    const fix = `correct "workspace" of ${host.name} in the catalogue`;
    return [{ check, status: 'failed', detail: `${host.workspace} is not a directory`, fix }];
  }
  return [{ check, status: 'ok', detail: host.workspace }];
}
