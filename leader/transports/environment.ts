/** Whose environment counts: that of whoever asks for a connection, which need not be this process. */
import { userInfo } from 'node:os';
import type { TransportContext } from './types.ts';

export function environmentOf({ env = process.env }: Pick<TransportContext, 'env'>): NodeJS.ProcessEnv {
  return env;
}

/** The home directory that programs with this environment take for theirs. */
export function homeOf(context: Pick<TransportContext, 'env'>): string {
  const { HOME, USERPROFILE } = environmentOf(context);
  return (process.platform === 'win32' ? USERPROFILE : HOME) || userInfo().homedir;
}
