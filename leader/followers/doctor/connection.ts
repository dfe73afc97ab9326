/** What the error of a connection says about each step that it is made of. Pure: one real attempt tells all. */
import type { ErrorCode } from '../../../contract/error-registry.ts';
import type { AwError } from '../../../contract/errors.ts';
import type { Finding } from '../../../contract/follower-api.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { PROTOCOL } from '../../../contract/version.ts';
import { quotePosix } from '../../../follower/adapters/index.ts';

/** In this order: each needs those before it. */
export const SSH_STEPS = ['host key', 'login', 'agent', 'protocol'] as const;
export type SshStep = (typeof SSH_STEPS)[number];

const STEP_OF: Partial<Record<ErrorCode, SshStep>> = {
  AW_SSH_HOST_KEY_UNKNOWN: 'host key',
  AW_SSH_HOST_KEY_CHANGED: 'host key',
  AW_SSH_HOST_KEY_REVOKED: 'host key',
  AW_SSH_AUTH_REFUSED: 'login',
  AW_AGENT_MISSING: 'agent',
  AW_AGENT_START_FAILED: 'agent',
  AW_AGENT_STOPPED: 'agent',
  AW_AGENT_NEEDED: 'agent',
  AW_PROTOCOL_GARBAGE: 'agent',
  AW_UNAUTHORIZED: 'agent',
  AW_TOKEN_FILE: 'agent',
  AW_PROTOCOL_MISMATCH: 'protocol',
  AW_HOST_OS_MISMATCH: 'protocol',
};

/** What was waited for when the time was up, as the transports put it. */
const UNREACHABLE: readonly [RegExp, SshStep][] = [
  [/it takes the login|it (?:starts|runs) no (?:command|program)/, 'agent'],
  [/the agent says nothing|the way to the agent|takes connections but says nothing/, 'agent'],
  [/does not answer the login/, 'login'],
];

/**
 * Where a connection over SSH failed. Where nobody can say, it is the host key: the first of these steps, before which only
 * the two ends' first words lie.
 */
export function stepOf({ code, message }: Pick<AwError, 'code' | 'message'>): SshStep {
  return STEP_OF[code] ?? UNREACHABLE.find(([words]) => words.test(message))?.[1] ?? 'host key';
}

/** The findings of a failed connection up to the step where it failed. `user`: who logs in. */
export function failedConnection(error: AwError, host: HostEntry, user: string): Finding[] {
  const step = stepOf(error);
  const detail = `${error.message} (${error.code})`;
  return [
    ...passedSteps(step, host, user),
    { check: step, status: 'failed', detail, fix: fixOf(error, host) },
  ];
}

/** What is known of the steps before `step` by the mere fact that it was reached. */
export function passedSteps(step: SshStep, host: HostEntry, user: string): Finding[] {
  const details: Record<SshStep, string> = {
    'host key': host.hostKey === undefined ? 'trusted' : 'the one of the catalogue',
    login: `as ${user}, with a key`,
    agent: 'it answers',
    protocol: `${PROTOCOL}`,
  };
  return SSH_STEPS.slice(0, SSH_STEPS.indexOf(step)).map(check => ({
    check,
    status: 'ok',
    detail: details[check],
  }));
}

/** The command to type next, as far as there is one. */
export function fixOf(error: AwError, host: HostEntry): string {
  const { name } = host;
  const doctor = `aw agent followers doctor --host ${name}`;
  switch (error.code) {
    case 'AW_SSH_HOST_KEY_UNKNOWN':
      return `compare it with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then: ${doctor} --accept-new-host-keys`;
    case 'AW_SSH_HOST_KEY_CHANGED':
      return String(error.details.fix).startsWith('ssh-keygen')
        ? `if its owner says the key was replaced: ssh-keygen -R '${error.details.address}' && ${doctor} --accept-new-host-keys`
        : `if its owner says the key was replaced: ${error.details.fix}`;
    case 'AW_SSH_AUTH_REFUSED':
      return fixLogin(error, host);
    case 'AW_AGENT_MISSING':
      return fixMissing(error, host);
    case 'AW_PROTOCOL_MISMATCH':
      return Number(error.details.theirs) < PROTOCOL
        ? `aw agent followers upgrade --host ${name}`
        : `install version ${error.details.version} of agents-workflow here, which is newer`;
    case 'AW_PROTOCOL_GARBAGE':
      return `${sshCommand(host)} true must print nothing: make the start-up files there silent without a terminal`;
    case 'AW_AGENT_START_FAILED':
      return `${sshCommand(host)} ${host.agent ?? 'aw-follower'} doctor says why; ${error.remedy}`;
    case 'AW_HOST_UNREACHABLE':
      return host.address === undefined ? error.remedy : `${sshCommand(host, '-v')} true shows each step`;
    default:
      return error.remedy;
  }
}

/** For an agent of this machine, or one whose transport has no steps. */
export function fixLocal(error: AwError, host: HostEntry): string {
  if (error.code !== 'AW_HOST_UNREACHABLE' || host.socket === undefined) {
    return error.code === 'AW_HOST_UNREACHABLE'
      ? `aw agent followers stop --host ${host.name} --force, and try again`
      : error.remedy;
  }
  const tcp = /^tcp:\/\/(.+)$/.exec(host.socket)?.[1];
  return tcp === undefined
    ? `start that agent: aw-follower serve --socket ${quotePosix(host.socket)}`
    : `start that agent: aw-follower serve --listen ${tcp} --token-file FILE`;
}

/** The reason is the transport's: which keys were offered, what the server takes, which could not be used and why. */
function fixLogin({ details }: AwError, host: HostEntry): string {
  const reason = String(details.reason);
  const [, encrypted] = /(?:^|[:,] )([^,;]+) \(encrypted/.exec(reason) ?? [];
  if (encrypted !== undefined) return `ssh-add ${quotePosix(encrypted.trim())}`;
  const [, open] = /(?:^|[:,] )([^,;]+) \(other users can read it/.exec(reason) ?? [];
  if (open !== undefined) return `chmod 600 ${quotePosix(open.trim())}`;
  if (/Too many authentication failures/i.test(reason)) {
    return `name the right key as "identityFile" of ${host.name} in the catalogue`;
  }
  if (/the server takes (?!.*publickey)/.test(reason) || /denied \((?!.*publickey)[^)]*\)/.test(reason)) {
    return 'sshd there takes no keys: set "PubkeyAuthentication yes" in /etc/ssh/sshd_config';
  }
  const { address, port } = splitRecord(String(details.address));
  const key = host.identityFile === undefined ? '' : `-i ${quotePosix(`${host.identityFile}.pub`)} `;
  const copy = `ssh-copy-id ${key}${port === undefined ? '' : `-p ${port} `}${details.user}@${address}`;
  return /no key to offer/.test(reason) ? `ssh-keygen -t ed25519 && ${copy}` : copy;
}

function fixMissing(error: AwError, host: HostEntry): string {
  // The script is there, but not the interpreter that its first line names.
  if (/\benv: .*\bnode\b|\bnode: (?:No such file|not found)/i.test(String(error.details.reason))) {
    return `aw-follower is there, but sshd's PATH does not lead to node: ${sshCommand(host, '-t')} 'sudo ln -s "$($SHELL -lc "command -v node")" /usr/local/bin/node'`;
  }
  return `aw agent followers install --host ${host.name}`;
}

/** As a person would type it to get where the transport gets. */
export function sshCommand(host: HostEntry, ...options: readonly string[]): string {
  const { address, port, sshUser, identityFile, jump } = host;
  const hops = jump?.map(
    hop =>
      `${hop.sshUser === undefined ? '' : `${hop.sshUser}@`}${hop.address}${hop.port === undefined ? '' : `:${hop.port}`}`,
  );
  return [
    'ssh',
    ...options,
    ...(hops === undefined ? [] : ['-J', hops.join(',')]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(identityFile === undefined ? [] : ['-i', quotePosix(identityFile)]),
    sshUser === undefined ? address : `${sshUser}@${address}`,
  ].join(' ');
}

/** `name` or `[name]:port`, as known_hosts has it. */
function splitRecord(record: string): { address: string; port?: string } {
  const [, address, port] = /^\[(.+)\]:(\d+)$/.exec(record) ?? [];
  return address === undefined ? { address: record } : { address, port: port! };
}
