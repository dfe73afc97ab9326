/** What the ways to an agent have in common, whatever they are made of. */
import type { Finding } from '../../../contract/follower-api.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { PROTOCOL, VERSION } from '../../../contract/version.ts';
import type { FollowerClient } from '../../follower-client.ts';

/** How far the way to the agent went: with a client to its end, else up to the finding that failed. */
export interface Way {
  findings: Finding[];
  client?: FollowerClient;
  /** Of what sshd starts there. */
  sshdPath?: string | undefined;
}

/** Of an agent that answers. `how`: it was reached. */
export function agentFindings(
  { info }: Pick<FollowerClient, 'info'>,
  host: HostEntry,
  how: string,
): Finding[] {
  const protocol: Finding = { check: 'protocol', status: 'ok', detail: `${PROTOCOL}, as here` };
  const check = 'agent';
  const detail = `version ${info.version}, process ${info.pid}, ${how}`;
  if (info.version === VERSION) return [{ check, status: 'ok', detail }, protocol];
  const fix =
    host.transport === 'local' && host.socket === undefined
      ? `aw agent followers stop --host ${host.name}`
      : `aw agent followers upgrade --host ${host.name}`;
  return [{ check, status: 'warning', detail: `${detail}; this leader is ${VERSION}`, fix }, protocol];
}

/** The last finding has failed: whatever comes after it was not looked at. */
export function skipped(findings: readonly Finding[], checks: readonly string[]): Finding[] {
  const cause = findings.find(({ status }) => status === 'failed')?.check;
  return checks.map(check => ({ check, status: 'skipped', detail: `needs ${cause}` }));
}

/** Milliseconds since `start`, for a person. */
export function ms(start: number): string {
  return `${Math.round(performance.now() - start)} ms`;
}
