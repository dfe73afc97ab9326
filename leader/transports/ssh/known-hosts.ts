/** known_hosts: reading it, judging a host's key by it, and putting a new key on record. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AwError } from '../../../contract/errors.ts';
import { matchesPatterns } from './patterns.ts';

export interface KnownKey {
  marker: 'revoked' | 'cert-authority' | undefined;
  /** One hashed name, or patterns. */
  names: string;
  type: string;
  key: Buffer;
  /** `FILE:LINE`, for a person. */
  at: string;
}

export type Verdict =
  | { kind: 'trusted' }
  | { kind: 'revoked'; at: string }
  /** Other keys are on record. */
  | { kind: 'changed'; at: string }
  /** `authority`: keys that it has certified are trusted. */
  | { kind: 'unknown'; authority?: string };

/** Lines that are not understood are passed over, as OpenSSH does: another version may have written them. */
export function parseKnownHosts(text: string, file: string): KnownKey[] {
  const known: KnownKey[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const match =
      /^\s*(?:@(revoked|cert-authority)\s+)?([^\s#@]\S*)\s+([\w@.-]+)\s+([A-Za-z0-9+/]+=*)(?:\s|$)/.exec(
        line,
      );
    if (match === null) continue;
    const key = Buffer.from(match[4]!, 'base64');
    if (keyType(key) !== match[3]) continue;
    known.push({
      marker: match[1] as KnownKey['marker'],
      names: match[2]!,
      type: match[3]!,
      key,
      at: `${file}:${index + 1}`,
    });
  }
  return known;
}

/** What known_hosts calls a host: `name`, or `[name]:port` for another port than 22. */
export function recordName(address: string, port: number): string {
  const name = address.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/**
 * A key that is on record for the bare name is good on every port, as with OpenSSH. Stricter than OpenSSH in one thing: a
 * host with any key on record that shows one of another type counts as changed, not as new.
 */
export function judge(known: readonly KnownKey[], address: string, port: number, key: Buffer): Verdict {
  const name = recordName(address, port);
  const own = known.filter(entry => isFor(entry, name));
  const ofName = port === 22 ? own : known.filter(entry => isFor(entry, address.toLowerCase()));
  const revoked = [...own, ...ofName].find(entry => entry.marker === 'revoked' && entry.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', at: revoked.at };
  if ([...own, ...ofName].some(entry => entry.marker === undefined && entry.key.equals(key))) {
    return { kind: 'trusted' };
  }
  const other = own.find(entry => entry.marker === undefined);
  if (other !== undefined) return { kind: 'changed', at: other.at };
  const authority = own.find(entry => entry.marker === 'cert-authority')?.at;
  return authority === undefined ? { kind: 'unknown' } : { kind: 'unknown', authority };
}

/** Whether a certificate authority vouches for the host, and no key of its own is on record. */
export function hasAuthority(known: readonly KnownKey[], address: string, port: number): boolean {
  const own = known.filter(entry => isFor(entry, recordName(address, port)));
  const marked = (marker: KnownKey['marker']) => own.some(entry => entry.marker === marker);
  return marked('cert-authority') && !marked(undefined);
}

/** The types of the keys on record for a host: it should be asked for one of these first. */
export function knownTypes(known: readonly KnownKey[], address: string, port: number): string[] {
  const names = [recordName(address, port), address.toLowerCase()];
  const own = known.filter(entry => entry.marker === undefined && names.some(name => isFor(entry, name)));
  return [...new Set(own.map(({ type }) => type))];
}

/** The first field of a public key, which names its type. */
export function keyType(key: Buffer): string {
  const length = key.length < 4 ? 0 : key.readUInt32BE(0);
  return length > 0 && length <= 64 ? key.toString('latin1', 4, 4 + length) : '';
}

/** The user's file first: it is the one that new keys go to. */
export function knownHostsFiles(home: string): string[] {
  const own = join(home, '.ssh');
  return [
    join(own, 'known_hosts'),
    join(own, 'known_hosts2'),
    '/etc/ssh/ssh_known_hosts',
    '/etc/ssh/ssh_known_hosts2',
  ];
}

/** @throws the system's error for a file that is there and cannot be read: it might have revoked a key. */
export function readKnownHosts(files: readonly string[]): KnownKey[] {
  return files.flatMap(file => {
    const text = readText(file);
    return text === undefined ? [] : parseKnownHosts(text, file);
  });
}

/**
 * In one write, so that leaders which do this at the same time do not spoil each other's lines.
 * @throws AW_DISK
 */
export function recordKey(file: string, address: string, port: number, key: Buffer): void {
  const line = `${recordName(address, port)} ${keyType(key)} ${key.toString('base64')}\n`;
  try {
    const text = readText(file) ?? '';
    const separator = text === '' || text.endsWith('\n') ? '' : '\n';
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, separator + line, { flag: 'a', mode: 0o600 });
  } catch (error) {
    throw new AwError('AW_DISK', { path: file, reason: (error as Error).message }, { cause: error });
  }
}

function isFor({ names }: KnownKey, name: string): boolean {
  const hashed = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(names);
  if (hashed === null) return matchesPatterns(names.split(','), name);
  const digest = createHmac('sha1', Buffer.from(hashed[1]!, 'base64')).update(name).digest();
  const expected = Buffer.from(hashed[2]!, 'base64');
  return expected.length === digest.length && timingSafeEqual(digest, expected);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
