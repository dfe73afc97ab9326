/** `run-everywhere`: the same command as `aw agent run-everywhere`, under a name of its own. */
import { runCommandLine } from './command-line.ts';
import { run } from './commands/run-everywhere.ts';

/** @param argv what stands behind `run-everywhere`. Resolves to the exit code. */
export function main(argv: string[]): Promise<number> {
  return runCommandLine(run, 'run-everywhere', argv);
}
