/** What errors, bytes and numbers mean to the doctor. */
import { describe, expect, test } from 'vitest';
import { AwError } from '../../../contract/errors.ts';
import { HostEntry } from '../../../contract/hosts.ts';
import { failedConnection, fixLocal, sshCommand } from './connection.ts';
import { clock, roundTrip } from './link.ts';
import { fixConnect, readBanner } from './network-fixes.ts';
import { parseHop } from './target.ts';
import { agentFindings } from './way.ts';

const host = HostEntry.parse({
  name: 'a',
  os: 'linux',
  transport: 'ssh',
  workspace: '/w',
  address: 'h.example',
  port: 2222,
  sshUser: 'me',
});
const at = { user: 'me', address: '[h.example]:2222' };
const unreachable = (reason: string) => new AwError('AW_HOST_UNREACHABLE', { reason });
const refused = (reason: string) => new AwError('AW_SSH_AUTH_REFUSED', { ...at, reason });
const missing = (reason: string) => new AwError('AW_AGENT_MISSING', { program: 'aw-follower', reason });
const mismatch = (theirs: number) =>
  new AwError('AW_PROTOCOL_MISMATCH', { theirs, version: '9.9.9', ours: 1 });
const copy = 'ssh-copy-id -p 2222 me@h.example';

test.each<[string, AwError, string, string]>([
  [
    'unknown key',
    new AwError('AW_SSH_HOST_KEY_UNKNOWN', { ...at, reason: 'it shows SHA256:x' }),
    'host key',
    'aw agent followers doctor --host a --accept-new-host-keys',
  ],
  [
    'changed key',
    new AwError('AW_SSH_HOST_KEY_CHANGED', { ...at, reason: 'x', fix: "ssh-keygen -R 'x'" }),
    'host key',
    "ssh-keygen -R '[h.example]:2222' && aw agent followers doctor --host a --accept-new-host-keys",
  ],
  [
    'another than the pinned key',
    new AwError('AW_SSH_HOST_KEY_CHANGED', { ...at, reason: 'x', fix: 'correct "hostKey" of a' }),
    'host key',
    'correct "hostKey" of a',
  ],
  [
    'revoked key',
    new AwError('AW_SSH_HOST_KEY_REVOKED', { ...at, reason: 'x' }),
    'host key',
    'do not connect',
  ],
  ['refused', refused('offered /k; the server takes publickey'), 'login', copy],
  ['by ssh', refused('me@h: Permission denied (publickey,password).'), 'login', copy],
  [
    'no key',
    refused('there was no key to offer; the server takes publickey'),
    'login',
    `ssh-keygen -t ed25519 && ${copy}`,
  ],
  [
    'encrypted key',
    refused('there was no key to offer; not usable: /home/m e/.ssh/id_rsa (encrypted: ssh-add it)'),
    'login',
    "ssh-add '/home/m e/.ssh/id_rsa'",
  ],
  [
    'open key',
    refused('there was no key to offer; not usable: /k (other users can read it: chmod 600)'),
    'login',
    "chmod 600 '/k'",
  ],
  ['no keys taken', refused('offered /k; the server takes password'), 'login', 'PubkeyAuthentication yes'],
  ['too many', refused('Too many authentication failures'), 'login', '"identityFile" of a'],
  ['no agent', missing('not found'), 'agent', 'aw agent followers install --host a'],
  ['no node', missing("/usr/bin/env: 'node': No such file or directory"), 'agent', 'does not lead to node'],
  [
    'noise',
    new AwError('AW_PROTOCOL_GARBAGE', { reason: 'x' }),
    'agent',
    'ssh -p 2222 me@h.example true must print nothing',
  ],
  [
    'no start',
    new AwError('AW_AGENT_START_FAILED', { reason: 'x', log: '/l' }),
    'agent',
    'ssh -p 2222 me@h.example aw-follower doctor',
  ],
  ['older', mismatch(0), 'protocol', 'aw agent followers upgrade --host a'],
  ['newer', mismatch(2), 'protocol', 'install version 9.9.9'],
  [
    'another OS',
    new AwError('AW_HOST_OS_MISMATCH', { expected: 'linux', actual: 'windows' }),
    'protocol',
    'correct "os"',
  ],
  [
    'no handshake',
    unreachable('it takes the connection but does not speak SSH'),
    'host key',
    'ssh -v -p 2222',
  ],
  ['no answer', unreachable('it speaks SSH but does not answer the login (waited 15 s)'), 'login', 'ssh -v'],
  ['no command', unreachable('it takes the login but starts no command'), 'agent', 'ssh -v'],
  ['a silent agent', unreachable('the agent says nothing'), 'agent', 'ssh -v'],
  ['whatever', unreachable('read: Connection reset by peer'), 'host key', 'ssh -v'],
])('%s', (_, error, step, fix) => {
  const findings = failedConnection(error, host, 'me');
  expect(findings.at(-1)).toMatchObject({
    check: step,
    status: 'failed',
    detail: `${error.message} (${error.code})`,
    fix: expect.stringContaining(fix),
  });
  expect(findings.slice(0, -1).every(({ status }) => status === 'ok')).toBe(true);
});

test('no fix leads back to the doctor that is asked already', () => {
  for (const each of [host, HostEntry.parse({ name: 'a', os: 'linux', workspace: '/w' })]) {
    expect(fixLocal(unreachable('x'), each)).not.toContain('doctor');
  }
  const tcp = HostEntry.parse({ name: 'a', os: 'linux', workspace: '/w', socket: 'tcp://127.0.0.1:7' });
  expect(fixLocal(unreachable('x'), tcp)).toContain('aw-follower serve --listen 127.0.0.1:7');
});

test('ssh as a person would type it', () => {
  const jump = [
    { address: 'gate', port: 22 },
    { address: 'inner', sshUser: 'you' },
  ];
  expect(sshCommand({ ...host, jump, identityFile: "/it's" })).toBe(
    String.raw`ssh -J gate:22,you@inner -p 2222 -i '/it'\''s' me@h.example`,
  );
});

test.each([
  ['SSH-2.0-OpenSSH_9.9\r\n', 'ok', 'SSH-2.0-OpenSSH_9.9'],
  ['go away\r\nSSH-1.99-x\r\n', 'ok', 'SSH-1.99-x'],
  ['SSH-1.5-old\r\n', 'failed', 'SSH-1.5-old'],
  ['SSH-2.0-\x1b[2J\r\n', 'ok', String.raw`SSH-2.0-\u001b[2J`],
  ['HTTP/1.1 400 Bad Request\r\n\r\n', 'failed', 'a web server'],
  ['\x15\x03\x01\x00\x02\x02\x46', 'failed', 'a TLS server'],
  ['220 mail ESMTP\r\n', 'failed', 'a mail server'],
  ['220 (vsFTPd 3)\r\n', 'failed', 'an FTP server'],
  ['\x00\xff', 'failed', 'something else'],
  ['', 'failed', 'says nothing'],
])('who says %j', (said, status, detail) => {
  const finding = readBanner({ port: 22 }, Buffer.from(said, 'latin1'));
  expect(finding).toMatchObject({ status, detail: expect.stringContaining(detail) });
  expect(finding.detail).not.toMatch(/\p{Cc}/u);
  expect(finding.fix === undefined).toBe(status === 'ok');
});

test.each(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE'])(
  'a connection that ends in %s has a fix of its own',
  why => {
    const fixes = ['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'EPIPE'].map(each =>
      fixConnect(host as never, each),
    );
    expect(new Set(fixes).size).toBe(4);
    expect(fixes).toContain(fixConnect(host as never, why));
  },
);

test.each([
  ['gate', { address: 'gate' }],
  ['me@gate:2222,next', { address: 'gate', port: 2222 }],
  ['ssh://me@gate:22/', { address: 'gate', port: 22 }],
  ['me@[::1]:22', { address: '::1', port: 22 }],
  ['[fe80::1]', { address: 'fe80::1' }],
])('jump host %s', (jump, hop) => {
  expect(parseHop(jump)).toEqual(hop);
});

describe('the link', () => {
  test.each([
    [0, 10, 'ok', 'as this one, within 6 ms'],
    [40, 10, 'ok', '40 ms ahead of this one, within 6 ms'],
    [-1500, 10, 'ok', '1.5 s behind this one'],
    [2500, 2000, 'ok', '2.5 s ahead of this one, within 1.0 s'],
    [-3000, 10, 'warning', '3.0 s behind this one'],
  ])('a clock %i ms ahead, seen in %i ms', (skew, rtt, status, detail) => {
    expect(clock(skew, rtt)).toMatchObject({ status, detail: expect.stringContaining(detail) });
  });

  test('round trips', () => {
    expect(roundTrip([9, 1.26, 0.5, 30, 2]).detail).toBe('0.50 ms at best, 2.0 ms in the median of 5');
  });
});

test('an agent of another version', () => {
  const info = { version: '0.0.1', pid: 7 } as never;
  expect(agentFindings({ info }, host, 'soon')[0]).toMatchObject({
    status: 'warning',
    fix: 'aw agent followers upgrade --host a',
  });
});
