import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import type { TransportContext } from '../transports/index.ts';
import { attemptKey, connectionKey } from './key.ts';

const env = { HOME: '/home/u', PATH: '/bin', SSH_AUTH_SOCK: '/run/a' };
const context: TransportContext = { stateDir: '/state', timeoutMs: 1, start: true, env };
const entry = (fields: object) => HostEntry.parse({ name: 'a', os: 'linux', workspace: '/w', ...fields });
const ssh = { transport: 'ssh', address: 'example.org' };
const key = (fields: object, more: Partial<TransportContext> = {}) =>
  connectionKey(entry(fields), { ...context, ...more });

test.each<[string, object, object]>([
  ['another address', ssh, { ...ssh, address: 'example.com' }],
  ['another port', ssh, { ...ssh, port: 2222 }],
  ['another user', ssh, { ...ssh, sshUser: 'root' }],
  ['a pinned key', ssh, { ...ssh, hostKey: `SHA256:${'a'.repeat(43)}` }],
  ['another login key', ssh, { ...ssh, identityFile: '/k' }],
  ['another way', ssh, { ...ssh, transport: 'openssh' }],
  ['a way through another host', ssh, { ...ssh, jump: 'gate.example.org' }],
  ['another agent', ssh, { ...ssh, agent: 'bin/aw-follower' }],
  ['another system', ssh, { ...ssh, os: 'macos' }],
  ['a field of a newer version', ssh, { ...ssh, proxy: 'socks' }],
  ['another name', {}, { name: 'b' }],
  ['another workspace, whose agent is another', {}, { workspace: '/v' }],
  ['another socket', { socket: '/a.sock' }, { socket: '/b.sock' }],
])('%s is another connection', (_, one, other) => {
  expect(key(other)).not.toBe(key(one));
});

test.each<[string, object, object]>([
  ['what a run is given there', ssh, { ...ssh, env: { A: '1' }, tags: ['k=v'], shell: 'zsh' }],
  ['how paths are mapped there', ssh, { ...ssh, paths: [{ leader: 'a', follower: '/a' }], workspace: '/v' }],
  ['the order of the fields', ssh, { address: 'example.org', transport: 'ssh' }],
  [
    'the workspace of an agent that is found by its socket',
    { socket: '/s' },
    { socket: '/s', workspace: '/v' },
  ],
])('%s is none', (_, one, other) => {
  expect(key(other)).toBe(key(one));
});

test('a connection that was let through loosely is for those who ask for that', () => {
  expect(key(ssh, { acceptNewHostKeys: true })).not.toBe(key(ssh));
});

test('who asks counts where SSH looks at it', () => {
  const others = [{ HOME: '/home/v' }, { SSH_AUTH_SOCK: '/run/b' }];
  for (const other of others) expect(key(ssh, { env: { ...env, ...other } })).not.toBe(key(ssh));
  const path = { env: { ...env, PATH: '/opt/bin' } };
  expect(key(ssh, path)).toBe(key(ssh));
  expect(key({ ...ssh, transport: 'auto' }, path)).not.toBe(key({ ...ssh, transport: 'auto' }));
  for (const other of [...others, path.env]) expect(key({}, { env: other })).toBe(key({}));
  expect(key({}, { stateDir: '/other' })).not.toBe(key({}));
});

test('how long and for whom an attempt lasts is its own affair', () => {
  const signal = new AbortController().signal;
  const ask = async () => undefined;
  const more = { timeoutMs: 2, start: false, signal, ask, tell: () => {}, acceptNewHostKeys: false };
  expect(key(ssh, more)).toBe(key(ssh));
  expect(attemptKey({ ...context, ask, signal })).toBe(attemptKey(context));
  for (const other of [{ timeoutMs: 2 }, { start: false }, { autoInstall: true }])
    expect(attemptKey({ ...context, ...other })).not.toBe(attemptKey(context));
});

test('a changed ~/.ssh/config may lead elsewhere', () => {
  const HOME = mkdtempSync(join(tmpdir(), 'aw-key-'));
  try {
    const openssh = { ...ssh, transport: 'openssh' };
    const now = () => key(openssh, { env: { HOME } });
    const before = now();
    mkdirSync(join(HOME, '.ssh'));
    writeFileSync(join(HOME, '.ssh/config'), 'Host a\n');
    const first = now();
    expect(first).not.toBe(before);
    expect(now()).toBe(first);
    appendFileSync(join(HOME, '.ssh/config'), '  HostName elsewhere\n');
    expect(now()).not.toBe(first);
  } finally {
    rmSync(HOME, { recursive: true });
  }
});
