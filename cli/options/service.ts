/** The options of commands that talk to the service. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { AwError, show } from '../../contract/errors.ts';
import type { Io } from '../terminal/io.ts';
import { parseUrl } from './values.ts';

export interface ServiceOptions {
  service?: string;
  tokenFile?: string;
}

export function addServiceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--service <url>', 'the service that stores and shows events')
        .argParser(parseUrl)
        .env('AW_SERVICE'),
    )
    .addOption(new Option('--token-file <file>', 'file with the token for the service').env('AW_TOKEN_FILE'));
}

/**
 * What a client of the service is made of.
 * @throws AW_TOKEN_FILE
 */
export async function serviceAccess(
  url: string,
  tokenFile: string | undefined,
  io: Io,
): Promise<{ url: string; token?: string }> {
  return tokenFile === undefined ? { url } : { url, token: await readToken(tokenFile, io) };
}

/**
 * The token in a file.
 * @throws AW_TOKEN_FILE
 */
export async function readToken(file: string, io: Io): Promise<string> {
  const path = resolve(io.cwd, file);
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
