/** Batch files, which Windows can only run through cmd.exe. */
import type { HostFacts, Invocation } from '../types.ts';
import { runThroughCmd } from './cmd.ts';
import { batchLine, checkBatchArguments } from './quote.ts';
import { shimTarget } from './shim.ts';

/**
 * Runs a batch file: the program behind it if it is a package manager's shim, else the file itself.
 * @param file absolute, with its extension
 * @throws AW_ARG_NEWLINE_BATCH, AW_ARG_TOO_LONG
 */
export function runBatchFile(file: string, args: readonly string[], facts: HostFacts): Invocation {
  const target = shimTarget(file, facts);
  if (target !== undefined)
    return { file: target.file, args: [...target.args, ...args], env: target.env, cwd: facts.cwd };
  checkBatchArguments(args, file);
  return runThroughCmd(batchLine(file, args), facts);
}
