/** `aw version` */
import { PROTOCOL, VERSION } from '../../contract/version.ts';
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';

export const run: CommandRun = async (name, argv, io) => {
  const command = createCommand(name, io)
    .description('Print the version, and those it depends on.')
    .addHelpText('after', `\nExample:\n  ${name}`)
    .action(() => {
      const system = `${process.platform}-${process.arch}`;
      io.write('stdout', `aw ${VERSION} (protocol ${PROTOCOL}, node ${process.versions.node}, ${system})\n`);
    });
  await runCommand(command, argv);
  return 0;
};
