/** The options of commands that talk to the service. */
import { type Command, Option } from 'commander';
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
  if (tokenFile === undefined) return { url };
  const { readToken } = await import('../../leader/orders/service-target.ts');
  return { url, token: await readToken(tokenFile, io.cwd) };
}
