/** Who may speak to an agent: over a socket file whoever may open it, over TCP whoever has the token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http2';
import { AwError } from '../../contract/errors.ts';

const MIN_TOKEN = 16;

/**
 * The token in a file, without surrounding white space.
 * @throws AW_USAGE when there is none, it is too short, or others can read the file.
 */
export function readToken(path: string): string {
  const refuse = (problem: string, cause?: unknown) =>
    new AwError(
      'AW_USAGE',
      { problem: `token file ${path}: ${problem}`, command: 'aw-follower serve' },
      { cause },
    );
  let token: string;
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw refuse('others can read it; chmod 600 it');
    }
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw error instanceof AwError ? error : refuse((error as Error).message, error);
  }
  if (token.length < MIN_TOKEN) throw refuse(`it holds fewer than ${MIN_TOKEN} characters`);
  return token;
}

/** Throws AW_UNAUTHORIZED for a request without the token. Takes the same time wherever a wrong one differs. */
export function bearerCheck(token: string): (headers: IncomingHttpHeaders) => void {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${token}`);
  return headers => {
    if (!timingSafeEqual(digest(headers.authorization ?? ''), expected))
      throw new AwError('AW_UNAUTHORIZED', {});
  };
}
