/** `aw demo` */
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';

export const run: CommandRun = async (name, argv, io) => {
  let exitCode = 0;
  const command = createCommand(name, io)
    .description(
      'See all of it work on this machine: a service, three followers with shells and copies of a project of their\n' +
        'own, its tests on all three, a difference that only one of them has, and an edit that reaches them all. Takes a\n' +
        'few seconds and leaves nothing.',
    )
    .option('--keep', 'leave the service and the followers running, to try more')
    .addHelpText('after', `\nExamples:\n  ${name}\n  ${name} --keep`)
    .action(async (options: { keep?: boolean }) => {
      const { runDemo } = await import('../demo/demo.ts');
      exitCode = await runDemo(options.keep === true, io);
    });
  await runCommand(command, argv);
  return exitCode;
};
