/** Carries out an order to follow a run that was started before. */
import type { AttachOrder } from '../../contract/leader-api.ts';
import { findRecord } from '../records/read.ts';
import { attachRun } from '../run-everywhere/attach.ts';
import { commandText } from './command-text.ts';
import { readToken } from './service-target.ts';
import type { Asker, LedRun, Means } from './types.ts';

/** @throws AW_RUN_NOT_FOUND, AW_TOKEN_FILE, AW_DISK */
export async function leadAttached(order: AttachOrder, asker: Asker, means: Means): Promise<LedRun> {
  const { runId, tokenFile, cwd, env } = order;
  const { command } = findRecord(means.stateDir, runId);
  const token = tokenFile === undefined ? {} : { token: await readToken(tokenFile, cwd) };
  const input = order.stdin === true ? { stdin: asker.stdin } : {};
  const run = await attachRun(runId, { ...means, ...token, ...input, asker: { env, ask: asker.ask } });
  return { ...run, command: commandText(command) };
}
