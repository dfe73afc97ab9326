/** Secrets: the admin key of a file, and tokens of one session and host. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { AwError } from '../../contract/errors.ts';
import { MIN_KEY_LENGTH } from '../limits.ts';

/** What may stand after `Bearer ` (RFC 6750, b64token). */
export const TOKEN = /^[\w.~+/-]+=*$/;

/** 256 random bits, for a header. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored of a token: with so much randomness in it, a fast hash keeps it as secret as a slow one. */
export function tokenHash(token: string): string {
  return sha256(token).toString('hex');
}

/** Tells in constant time whether a token is the admin key. */
export type KeyCheck = (token: string) => boolean;

/**
 * The check for the key in `path`: its text without surrounding white space.
 * @throws AW_USAGE when there is none, it is short, or others can read it.
 */
export function adminKey(path: string): KeyCheck {
  const key = readKey(path);
  if (key.length < MIN_KEY_LENGTH) {
    throw usage(`the token file ${path} holds fewer than ${MIN_KEY_LENGTH} characters`);
  }
  if (!TOKEN.test(key)) {
    throw usage(`the token file ${path} holds characters that a header cannot carry: use letters and digits`);
  }
  const expected = sha256(key);
  return token => timingSafeEqual(sha256(token), expected);
}

function readKey(path: string): string {
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw usage(`the token file ${path} is open to others (chmod 600 closes it)`);
    }
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof AwError) throw error;
    throw usage(`the token file ${path} cannot be read: ${(error as Error).message}`);
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function usage(problem: string): AwError<'AW_USAGE'> {
  return new AwError('AW_USAGE', { problem, command: 'aw serve' });
}
