/** What ssh and login shells say at their end, as errors. */
import { expect, test } from 'vitest';
import { HostEntry } from '../../../contract/hosts.ts';
import { agentCommand, explainEnd } from '../remote-agent.ts';
import { mentions } from './config.ts';
import { explainSsh } from './openssh-errors.ts';

const host = HostEntry.parse({
  name: 'a',
  os: 'linux',
  transport: 'openssh',
  workspace: '/w',
  address: 'h.example',
  port: 2222,
  sshUser: 'me',
});
const FINGERPRINT = `SHA256:${'a'.repeat(43)}`;

test.each([
  [
    'No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.',
    'AW_SSH_HOST_KEY_UNKNOWN',
  ],
  [
    `@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n${FINGERPRINT}.\nOffending ED25519 key in /k:3\nHost key verification failed.`,
    'AW_SSH_HOST_KEY_CHANGED',
  ],
  [
    '@       WARNING: REVOKED HOST KEY DETECTED!               @\nThe key is marked as revoked.\nHost key verification failed.',
    'AW_SSH_HOST_KEY_REVOKED',
  ],
  ['me@h: Permission denied (publickey,password).', 'AW_SSH_AUTH_REFUSED'],
  ['Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures', 'AW_SSH_AUTH_REFUSED'],
  ['ssh: connect to host h port 22: Connection refused', 'AW_HOST_UNREACHABLE'],
  ['ssh: Could not resolve hostname h: Name or service not known', 'AW_HOST_UNREACHABLE'],
  ['Timeout, server h not responding.', 'AW_HOST_UNREACHABLE'],
  ['', 'AW_HOST_UNREACHABLE'],
])('ssh: %s', (stderr, code) => {
  expect(explainSsh(host, stderr)).toMatchObject({ code });
});

test('a changed key: what it is, where the other one stands, and how to forget that', () => {
  const stderr = `HOST IDENTIFICATION HAS CHANGED\n${FINGERPRINT}.\nOffending RSA key in /k:3\n`;
  expect(explainSsh(host, stderr)).toMatchObject({
    message: expect.stringContaining(`it shows ${FINGERPRINT}; another is in /k:3`),
    remedy: expect.stringContaining("ssh-keygen -R '[h.example]:2222'"),
  });
});

test('nothing of what was said can move a cursor', () => {
  expect(explainSsh(host, 'kex: \x1b[2J\x07gone').message).toContain('\\u001b[2J\\u0007gone');
});

test.each([
  [127, 'bash: line 1: aw-follower: command not found', 'AW_AGENT_MISSING'],
  [127, '', 'AW_AGENT_MISSING'],
  [126, 'sh: 1: aw-follower: Permission denied', 'AW_AGENT_MISSING'],
  [1, "'aw-follower' is not recognized as an internal or external command,", 'AW_AGENT_MISSING'],
  [1, 'Error: something else', 'AW_AGENT_START_FAILED'],
  [
    4,
    'noise\naw-follower: AW_AGENT_START_FAILED: the follower agent did not start: why; its log is /l',
    'AW_AGENT_START_FAILED',
  ],
  [4, 'aw-follower: AW_AGENT_STOPPED: no agent runs on the follower; run something', 'AW_AGENT_STOPPED'],
  [0, '', 'AW_HOST_UNREACHABLE'],
])('the remote command ended with %i: %s', (code, stderr, expected) => {
  expect(explainEnd(host, { code, stderr })).toMatchObject({ code: expected });
});

test("the agent's own reason and log", () => {
  const stderr = 'aw-follower: AW_AGENT_START_FAILED: the follower agent did not start: why; its log is /l';
  expect(explainEnd(host, { code: 4, stderr })).toMatchObject({
    message: 'the follower agent did not start: why',
    remedy: 'its log is /l',
  });
});

test('what a login shell gets to read', () => {
  expect(agentCommand(host, true)).toBe(
    "sh -c 'PATH=$HOME/.local/share/agents-workflow/agent/current:$PATH; exec aw-follower dial-stdio'",
  );
  expect(agentCommand({ ...host, os: 'windows' }, true)).toBe('aw-follower dial-stdio');
  expect(agentCommand({ ...host, agent: 'tools/aw-follower' }, false)).toBe(
    'tools/aw-follower dial-stdio --no-start',
  );
});

test.each([
  ['agent', 'a b'],
  ['agent', '$(x)'],
  ['agent', '-x'],
  ['address', '-oProxyCommand=x'],
  ['address', 'a;b'],
  ['address', 'me@h'],
  ['sshUser', '-l'],
  ['sshUser', 'a`b`'],
  ['hostKey', 'SHA256:short'],
  ['hostKey', `MD5:${'a'.repeat(43)}`],
])('%s %j is refused', (field, value) => {
  const parsed = HostEntry.safeParse({ ...host, [field]: value });
  expect(parsed.error?.issues.map(({ path }) => path)).toEqual([[field]]);
});

test('a host over SSH needs an address', () => {
  const { address, ...without } = host;
  for (const transport of ['ssh', 'openssh', 'auto']) {
    expect(HostEntry.safeParse({ ...without, transport }).error?.issues[0]?.path).toEqual(['address']);
  }
  expect(address).toBeDefined();
});

test.each([
  ['', false],
  ['# Host *\n\n', false],
  ['Host other\n  User x\n', false],
  ['Host h.example\n  User x\n', true],
  ['host = "h.example" other\n\tProxyJump j\n', true],
  ['Host *.example !h.example\n  User x\n', false],
  ['Host *\n  ServerAliveInterval 5\n', true],
  ['Host h.example\n', false],
  ['Host other\n  User x\nMatch exec "true"\n  User y\n', true],
  ['IdentityFile ~/.ssh/k\nHost other\n User x', true],
  ['Include more/*\n', true],
  ['Host other\nInclude more/*\n', false],
])('~/.ssh/config %j', (config, expected) => {
  expect(mentions(config, 'h.example')).toBe(expected);
});
