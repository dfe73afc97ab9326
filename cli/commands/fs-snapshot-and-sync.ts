/** `aw agent fs-snapshot-and-sync`: `followers sync-fence` for programs, with one answer. */
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { checkSelectors } from '../options/selectors.ts';
import { leadFence } from '../run/leader.ts';
import { addFenceOptions, exitCodeOf, type FenceOptions } from './followers-fence.ts';

export const run: CommandRun = async (name, argv, io) => {
  let exitCode = 0;
  const command = addFenceOptions(createCommand(name, io))
    .description(
      "Freeze this project, make each follower's workspace equal to it, and prove it. Prints one JSON document: the id of\n" +
        'the snapshot, whether all are consistent, and what became of each host.',
    )
    .addHelpText(
      'after',
      `\nExit code 0: consistent on every follower; 3: not on some.\n\nExamples:\n  ${name}\n  ${name} --tag os=linux --timeout 30`,
    )
    .action(async (options: FenceOptions) => {
      checkSelectors(options, name);
      const { snapshotId, files, directories, hosts } = await leadFence(options, options, io);
      exitCode = exitCodeOf(hosts);
      const records = hosts.map(({ host, ...record }) => [host, record]);
      const answer = {
        snapshotId,
        files,
        directories,
        consistent: exitCode === 0,
        hosts: Object.fromEntries(records),
      };
      io.write('stdout', `${JSON.stringify(answer)}\n`);
    });
  await runCommand(command, argv);
  return exitCode;
};
