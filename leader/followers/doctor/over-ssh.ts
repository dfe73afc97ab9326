/**
 * The way to an agent over SSH, a finding for each step. Only what comes before SSH is probed; of the rest one real
 * connection tells, and the error it ends in.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type AwError, asAwError } from '../../../contract/errors.ts';
import type { Finding } from '../../../contract/follower-api.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { connectFollower } from '../../follower-client.ts';
import { fingerprint } from '../../transports/ssh/host-key.ts';
import type { TransportContext } from '../../transports/types.ts';
import { failedConnection, passedSteps, SSH_STEPS } from './connection.ts';
import { probeNetwork } from './network.ts';
import { agentAtLogin, sshdPath } from './remote-path.ts';
import { sshTarget, type Target } from './target.ts';
import { agentFindings, ms, skipped, type Way } from './way.ts';

const NETWORK_STEPS = ['name', 'tcp', 'ssh'];
/** For each look at the network. Milliseconds. */
const STEP = 5_000;
/** For `ssh-keyscan`. Seconds. */
const SCAN = 5;

export async function overSsh(host: HostEntry, context: TransportContext): Promise<Way> {
  const env = context.env ?? process.env;
  const target = await sshTarget(host, env);
  const network = await lookAround(target, context);
  if (network.at(-1)?.status === 'failed') {
    const rest = [...NETWORK_STEPS.slice(network.length), ...SSH_STEPS];
    return { findings: [...network, ...skipped(network, rest)] };
  }
  const start = performance.now();
  try {
    if (host.agentless === true)
      return { findings: [...network, ...(await withoutAgent(host, target, context))] };
    const told: Finding[] = [];
    const tell = (detail: string) => void told.push({ check: 'agent', status: 'info', detail });
    const client = await connectFollower(host, { ...context, tell });
    const way = `${ms(start)} by ${target.way === 'openssh' ? "the system's ssh" : 'the built-in SSH'}`;
    return {
      client,
      findings: [
        ...network,
        ...passedSteps('agent', host, target.user),
        ...told,
        ...agentFindings(client, host, way),
      ],
      sshdPath: await sshdPath(host, context).catch(() => undefined),
    };
  } catch (thrown) {
    const error = asAwError(thrown, host.name);
    const found = failedConnection(error, host, target.user);
    const failure = found.at(-1)!;
    const findings = [
      ...network,
      ...found.slice(0, -1),
      await withMore(failure, error, host, target, context),
    ];
    const rest = SSH_STEPS.slice(SSH_STEPS.indexOf(failure.check as (typeof SSH_STEPS)[number]) + 1);
    return { findings: [...findings, ...skipped(findings, rest)] };
  }
}

/** A host that is meant to have none: it is well when it takes the login. */
async function withoutAgent(host: HostEntry, target: Target, context: TransportContext): Promise<Finding[]> {
  const path = await sshdPath(host, context);
  return [
    ...passedSteps('agent', host, target.user),
    { check: 'agent', status: 'info', detail: '"agentless" in the catalogue: none is looked for' },
    ...(path === undefined ? [] : [{ check: 'path', status: 'info' as const, detail: `of sshd: ${path}` }]),
  ];
}

async function lookAround(target: Target, context: TransportContext): Promise<Finding[]> {
  if (target.proxy !== undefined) {
    const detail = `behind the ProxyCommand of ~/.ssh/config: ${target.proxy}`;
    return NETWORK_STEPS.map(check => ({ check, status: 'skipped', detail }));
  }
  const network = await probeNetwork(target, Math.min(STEP, context.timeoutMs));
  const hop = target.jump;
  if (hop === undefined) return network;
  return network.map(finding =>
    finding.check === 'name' ? finding : { ...finding, detail: `jump host ${hop}: ${finding.detail}` },
  );
}

/** What the error does not say and a person needs: which key it is, and where the agent might be. */
async function withMore(
  failure: Finding,
  error: AwError,
  host: HostEntry,
  target: Target,
  context: TransportContext,
): Promise<Finding> {
  if (error.code === 'AW_SSH_HOST_KEY_UNKNOWN' && !/SHA256:/.test(error.message)) {
    const shown =
      target.jump === undefined && target.proxy === undefined ? await scanKeys(target, context) : [];
    const detail = `${failure.detail}; it shows ${shown.join(', ')}`;
    return shown.length === 0 ? failure : { ...failure, detail };
  }
  if (error.code !== 'AW_AGENT_MISSING') return failure;
  const [path, atLogin] = await Promise.all(
    [sshdPath, agentAtLogin].map(ask => ask(host, context).catch(() => undefined)),
  );
  const detail = path === undefined ? failure.detail : `${failure.detail}; sshd's PATH there is ${path}`;
  if (atLogin === undefined || /\bnode\b/.test(String(error.details.reason))) return { ...failure, detail };
  return {
    ...failure,
    detail: `${detail}; a login finds ${atLogin}`,
    fix: `give it as "agent" of ${host.name} in the catalogue: "agent": "${atLogin}"`,
  };
}

/** The fingerprints of the keys that whoever answers there shows. Nothing is trusted for it. */
async function scanKeys(
  { address, port }: Target,
  { env = process.env }: TransportContext,
): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)(
      'ssh-keyscan',
      ['-T', String(SCAN), '-p', String(port), '--', address],
      { env, timeout: SCAN * 2_000, killSignal: 'SIGKILL', windowsHide: true },
    );
    return [...stdout.matchAll(/^[^#\s]\S* (\S+) ([A-Za-z0-9+/=]+)$/gm)].map(
      ([, type, key]) => `${fingerprint(Buffer.from(key!, 'base64'))} (${type})`,
    );
  } catch {
    return [];
  }
}
