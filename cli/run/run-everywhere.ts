/** From options to a run, and from the run to its exit code. */
import { AwError } from '../../contract/errors.ts';
import type { LedRun } from '../../leader/orders/types.ts';
import { fenceLines } from '../render/fence-lines.ts';
import { hostsWord } from '../render/summary.ts';
import type { Io } from '../terminal/io.ts';
import { followRun } from './follow-run.ts';
import { watchInterrupts } from './interrupts.ts';
import { lead } from './leader.ts';
import { checkOptions, type RunArguments } from './run-options.ts';

/** Resolves to the exit code. */
export async function runEverywhere(args: RunArguments & { io: Io }): Promise<number> {
  const { name, words, tail, options, io } = args;
  checkOptions(args);
  const interrupts = watchInterrupts();
  try {
    const run = await lead({ type: 'run', name, words, tail, options }, options, io);
    if (run === undefined) {
      io.write('stderr', 'The last run passed on every host; there is nothing to run again.\n');
      return 0;
    }
    if (options.detach) return await tellDetached(run, io, options.output === 'json');
    return await followRun({
      run,
      output: options,
      interrupts,
      onInterrupt: 'cancel',
      graceMs: options.grace,
      io,
    });
  } finally {
    interrupts.dispose();
    // A stdin that is still open would keep this process alive.
    if (options.stdin) io.stdin.destroy();
  }
}

/** A detached run: who has started, and how to see the rest. */
async function tellDetached(run: LedRun, io: Io, isJson: boolean): Promise<number> {
  for await (const event of run.events) {
    if (!isJson) for (const line of fenceLines(event)) io.write('stderr', `${line}\n`);
    else if (event.type !== 'fenceProgress') io.write('stdout', `${JSON.stringify(event)}\n`);
  }
  const { exitCode, hosts } = await run.outcome;
  const { errorLines } = await import('../render/error-text.ts');
  for (const [host, { error }] of Object.entries(hosts)) {
    const shown = error ?? new AwError('AW_INTERNAL', { reason: 'the host did not start the run' });
    for (const line of errorLines(shown, io.stderr.paint, host)) io.write('stderr', `${line}\n`);
  }
  const total = run.hosts.length;
  const started = total - Object.keys(hosts).length;
  if (!isJson) io.write('stdout', `${run.runId}\n`);
  io.write(
    'stderr',
    `Started on ${started}/${total} ${hostsWord(total)}; aw agent runs attach ${run.runId} shows it, ` +
      `aw agent runs cancel ${run.runId} ends it.\n`,
  );
  return exitCode;
}
