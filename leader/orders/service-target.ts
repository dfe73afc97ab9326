/** Where the events of a run go, from the options. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { RunOrder } from '../../contract/leader-api.ts';
import type { ServiceTarget } from '../types.ts';

/**
 * Undefined without `--service`. Without `--session` a session called `title` is made, and the person is told.
 * @throws AW_TOKEN_FILE, AW_SERVICE_UNREACHABLE and what else the service answers: before anything runs.
 */
export async function serviceTarget(
  { options, cwd }: Pick<RunOrder, 'options' | 'cwd'>,
  title: string,
  say: (line: string) => void,
): Promise<ServiceTarget | undefined> {
  if (options.service === undefined) return undefined;
  const { service: url, tokenFile } = options;
  const access = tokenFile === undefined ? { url } : { url, token: await readToken(tokenFile, cwd) };
  const sessionId = options.session ?? (await createSession(access, title, say));
  return { ...access, sessionId, followerReports: options.followerReports === true };
}

/**
 * The token in a file, which may be relative to `cwd`.
 * @throws AW_TOKEN_FILE
 */
export async function readToken(file: string, cwd: string): Promise<string> {
  const path = resolve(cwd, file);
  const refuse = (reason: string) => new AwError('AW_TOKEN_FILE', { path: show(path, 4096), reason });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw refuse((error as NodeJS.ErrnoException).code ?? String(error));
  }
  const token = text.trim();
  // What a header can carry; the text itself is never shown.
  if (!/^[\x21-\x7e]+$/.test(token)) throw refuse('it holds no token');
  return token;
}

async function createSession(
  access: { url: string; token?: string },
  title: string,
  say: (line: string) => void,
): Promise<string> {
  const { serviceClient } = await import('../service-client.ts');
  const { id } = await serviceClient(access).createSession({ title: title.slice(0, 200) });
  say(`session ${id}: ${access.url}/api/v1/sessions/${id}/events`);
  return id;
}
