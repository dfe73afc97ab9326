import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { judge, knownTypes, parseKnownHosts, recordKey } from './known-hosts.ts';

/** A key of a type; `mark` tells one from another. */
function key(mark: number, type = 'ssh-ed25519'): Buffer {
  const name = Buffer.from(type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([length, name, Buffer.alloc(32, mark)]);
}
const line = (names: string, of: Buffer, type = 'ssh-ed25519') =>
  `${names} ${type} ${of.toString('base64')} a comment`;
const hashed = (name: string) => {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};
const verdict = (text: string, of = key(1), port = 22, address = 'host.example') =>
  judge(parseKnownHosts(text, 'f'), address, port, of);

test.each([
  ['a plain name', 'host.example'],
  ['one of several', 'other,host.example,10.0.0.1'],
  ['upper case', 'HOST.Example'],
  ['a pattern', '*.example'],
  ['single characters', 'h?st.example'],
  ['a hashed name', hashed('host.example')],
])('on record as %s', (_, names) => {
  expect(verdict(line(names, key(1)))).toEqual({ kind: 'trusted' });
  expect(verdict(`# note\n\n${line(names, key(2))}`)).toEqual({ kind: 'changed', at: 'f:3' });
});

test.each([
  ['another name', 'host.example.org'],
  ['a name that ends alike', 'xhost.example,host-example'],
  ['taken out again', '*.example,!host.example'],
  ['taken out again, first', '!host.example,*'],
  ['a pattern that is no expression', 'host.e(x)ample,h.*'],
  ['another name, hashed', hashed('host.example.org')],
  ['a broken hash', '|1|AA==|AA=='],
])('not on record: %s', (_, names) => {
  expect(verdict(line(names, key(1)))).toEqual({ kind: 'unknown' });
});

test.each([
  ['[host.example]:2222', { kind: 'trusted' }],
  [hashed('[host.example]:2222'), { kind: 'trusted' }],
  // A key of the bare name is good on every port; another key there says nothing about this one.
  ['host.example', { kind: 'trusted' }],
  ['[host.example]:22', { kind: 'unknown' }],
  ['[host.example]:2223', { kind: 'unknown' }],
])('another port: %s', (names, expected) => {
  expect(verdict(line(names, key(1)), key(1), 2222)).toEqual(expected);
});

test('another key of the bare name is not a changed key of a port', () => {
  expect(verdict(line('host.example', key(2)), key(1), 2222)).toEqual({ kind: 'unknown' });
});

test('a key of another type, where one is on record, is a changed key', () => {
  expect(verdict(line('host.example', key(1, 'ssh-rsa'), 'ssh-rsa'))).toMatchObject({ kind: 'changed' });
});

test('one of several keys', () => {
  const text = [line('host.example', key(2)), line('host.example', key(1))].join('\n');
  expect(verdict(text)).toEqual({ kind: 'trusted' });
});

test('a revoked key, wherever else it stands', () => {
  const revoked = `@revoked * ${line('', key(1)).trim()}`;
  expect(verdict(`${line('host.example', key(1))}\n${revoked}`)).toEqual({ kind: 'revoked', at: 'f:2' });
  expect(verdict(revoked, key(2))).toEqual({ kind: 'unknown' });
  expect(verdict(`@revoked host.example ${line('', key(1)).trim()}`, key(1), 2222)).toMatchObject({
    kind: 'revoked',
  });
});

test('an authority is no host key', () => {
  const authority = `@cert-authority *.example ${line('', key(1)).trim()}`;
  expect(verdict(authority)).toEqual({ kind: 'unknown', authority: 'f:1' });
  expect(knownTypes(parseKnownHosts(authority, 'f'), 'host.example', 22)).toEqual([]);
});

test.each([
  'host.example',
  'host.example ssh-ed25519',
  'host.example ssh-ed25519 ????',
  `host.example ssh-rsa ${key(1).toString('base64')}`,
  `@unheard-of host.example ssh-ed25519 ${key(1).toString('base64')}`,
  `#${line('host.example', key(1))}`,
  '\0\0\0',
])('a line that is not understood is none: %j', text => {
  expect(parseKnownHosts(text, 'f')).toEqual([]);
});

test('line ends of Windows, blanks and tabs', () => {
  const text = `  host.example\tssh-ed25519 ${key(1).toString('base64')}\r\n`;
  expect(verdict(text)).toEqual({ kind: 'trusted' });
});

test('the types on record, to ask for first', () => {
  const text = [
    line('host.example', key(1, 'ssh-rsa'), 'ssh-rsa'),
    line('[host.example]:2222', key(1)),
    line('other', key(1, 'ecdsa-sha2-nistp256'), 'ecdsa-sha2-nistp256'),
  ].join('\n');
  expect(knownTypes(parseKnownHosts(text, 'f'), 'host.example', 22)).toEqual(['ssh-rsa']);
  expect(knownTypes(parseKnownHosts(text, 'f'), 'host.example', 2222)).toEqual(['ssh-rsa', 'ssh-ed25519']);
});

let directory: string | undefined;
afterEach(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

test('a new key is put behind what is there, and only its owner can read the file', () => {
  directory = mkdtempSync(join(tmpdir(), 'aw-known-hosts-'));
  const file = join(directory, '.ssh', 'known_hosts');
  recordKey(file, 'Host.example', 2222, key(1));
  expect(readFileSync(file, 'utf8')).toBe(`[host.example]:2222 ssh-ed25519 ${key(1).toString('base64')}\n`);
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
  writeFileSync(file, line('other', key(2)));
  recordKey(file, 'host.example', 22, key(1));
  const known = parseKnownHosts(readFileSync(file, 'utf8'), file);
  expect(judge(known, 'other', 22, key(2))).toEqual({ kind: 'trusted' });
  expect(judge(known, 'host.example', 22, key(1))).toEqual({ kind: 'trusted' });
});
