/** `aw agent runs list | attach | cancel` */
import { Option } from 'commander';
import type { RunRecord } from '../../leader/index.ts';
import { commandText } from '../../leader/orders/command-text.ts';
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { addLeaderChoice, type LeaderChoice } from '../options/leader.ts';
import { addOutputOptions, type OutputOptions } from '../options/output.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

export const run: CommandRun = async (name, argv, io) => {
  let exitCode = 0;
  const command = createCommand(name, io)
    .description('The runs this machine has started.')
    .addHelpText('after', `\nExamples:\n  ${name} list\n  ${name} attach RUN\n  ${name} cancel RUN`);

  command
    .command('list')
    .description('List the runs, newest first: running here, open (no leader follows it), or how it ended.')
    .option('--json', 'one JSON record a line')
    .addHelpText('after', `\nExamples:\n  ${name} list\n  ${name} list --json | jq -r .runId`)
    .action(async (options: { json?: boolean }) => listRuns(options.json === true, io));

  const attach = command
    .command('attach')
    .description(
      'Show a run from its beginning to its end, also one that has ended. Ctrl-C leaves it running.',
    )
    .argument('<run>', 'the run, as list shows it')
    .addHelpText(
      'after',
      `\nExamples:\n  ${name} attach RUN\n  ${name} attach RUN --output json > events.ndjson`,
    )
    .action(async (runId: string, options: AttachOptions) => {
      exitCode = await attachTo(runId, options, io);
    });
  addLeaderChoice(addOutputOptions(attach)).addOption(
    new Option('--token-file <file>', 'file with the token for the service the run reports to').env(
      'AW_TOKEN_FILE',
    ),
  );

  command
    .command('cancel')
    .description('End a run on every host: INT, then TERM, then KILL, until all its processes are gone.')
    .argument('<run>', 'the run, as list shows it')
    .option('--kill', 'KILL at once')
    .addHelpText('after', `\nExamples:\n  ${name} cancel RUN\n  ${name} cancel RUN --kill`)
    .action(async (runId: string, options: { kill?: boolean }) => {
      exitCode = await cancel(runId, options.kill ? 'kill' : 'interrupt', io);
    });

  await runCommand(command, argv);
  return exitCode;
};

async function listRuns(isJson: boolean, io: Io): Promise<void> {
  const leader = await import('../../leader/index.ts');
  const runs = await leader.listRuns();
  if (isJson) {
    for (const record of runs) io.write('stdout', `${JSON.stringify(record)}\n`);
    return;
  }
  if (runs.length === 0) {
    io.write('stderr', 'There are no runs yet: aw agent run-everywhere -- COMMAND\n');
    return;
  }
  const rows = runs.map(record => [
    record.runId,
    record.startedAt.replace('T', ' ').replace(/\.\d+Z$/, 'Z'),
    stateText(record),
    commandText(record.command),
  ]);
  const lines = tableLines(['run', 'started', 'state', 'command'], rows, io.stdout.paint);
  io.write('stdout', `${lines.join('\n')}\n`);
}

function stateText({ state, outcome, hosts }: RunRecord): string {
  if (outcome === undefined) return `${state} (${hosts.length})`;
  const { passed } = outcome.summary;
  return `${passed.length}/${hosts.length} passed (exit ${outcome.exitCode})`;
}

interface AttachOptions extends OutputOptions, LeaderChoice {
  tokenFile?: string;
}

async function attachTo(runId: string, options: AttachOptions, io: Io): Promise<number> {
  const { watchInterrupts } = await import('../run/interrupts.ts');
  const { lead } = await import('../run/leader.ts');
  const { followRun } = await import('../run/follow-run.ts');
  const { tokenFile } = options;
  const interrupts = watchInterrupts();
  try {
    const run = await lead({ type: 'attach', runId, tokenFile }, options, io);
    return await followRun({
      run: run!,
      output: options,
      interrupts,
      onInterrupt: 'leave',
      graceMs: 0,
      io,
    });
  } finally {
    interrupts.dispose();
  }
}

/** Resolves to 0 when all processes of the run are known to be gone. */
async function cancel(runId: string, how: 'interrupt' | 'kill', io: Io): Promise<number> {
  const leader = await import('../../leader/index.ts');
  const { createRunView } = await import('../render/run-view.ts');
  const { cancelLines } = await import('../render/summary.ts');
  const { errorLines } = await import('../render/error-text.ts');
  const reports = await leader.cancelRun(runId, { how });
  for (const { host, error } of reports) {
    if (error === undefined) continue;
    for (const line of errorLines(error, io.stderr.paint, host)) io.write('stderr', `${line}\n`);
  }
  if (reports.some(({ state }) => state === 'ending'))
    io.write('stderr', 'Waiting for its processes to end.\n');
  const run = await leader.attachRun(runId);
  const view = createRunView(run.hosts);
  for await (const event of run.events) view.apply(event, performance.now());
  const lines = cancelLines(view);
  io.write('stdout', `${lines.join('\n')}\n`);
  return lines.length === 1 ? 0 : 4;
}
