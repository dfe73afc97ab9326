/** `aw agent fs-snapshot-and-sync`: `followers sync-fence` for programs, with one answer. */
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { selectFollowers } from './followers.ts';
import {
  addFenceOptions,
  beginFence,
  exitCodeOf,
  type FenceOptions,
  fenceRecord,
} from './followers-fence.ts';

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
      const { findProject } = await import('../../leader/index.ts');
      const hosts = await selectFollowers(options, name, io);
      const { snapshotId, files, directories, ...fence } = await beginFence(
        findProject(io.cwd),
        hosts,
        options,
      );
      const results = await fence.results;
      exitCode = exitCodeOf(results);
      const records = Object.entries(results).map(([host, result]) => {
        const { host: _, ...record } = fenceRecord(host, result);
        return [host, record];
      });
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
