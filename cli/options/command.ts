/** How every command is parsed: commander underneath, the project's errors on top. */
import { Command, CommanderError } from 'commander';
import { AwError } from '../../contract/errors.ts';
import type { Io } from '../terminal/io.ts';

/**
 * What a module in `commands/` exports as `run`: `name` is how the command was called (`aw serve`), `argv` what stands
 * behind that. Resolves to the exit code; throws `AwError`.
 */
export type CommandRun = (name: string, argv: readonly string[], io: Io) => Promise<number>;

/** A command that neither exits nor prints errors by itself; its subcommands inherit that. */
export function createCommand(name: string, io: Io): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({
      writeOut: text => io.write('stdout', text),
      writeErr: () => {},
      getOutHelpWidth: () => (io.stdout.isTerminal ? Math.min(io.size().columns, 110) : 100),
      getOutHasColors: () => io.stdout.colour,
    })
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showSuggestionAfterError();
}

/**
 * Parses `argv` and runs the action it leads to.
 * @throws AW_USAGE for whatever commander does not accept.
 */
export async function runCommand(command: Command, argv: readonly string[]): Promise<void> {
  command.optionsGroup('Options:').option('--debug', 'print stack traces with errors (env: AW_DEBUG)');
  forgetEmptyVariables(command);
  try {
    await command.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw usage(command.name(), problemOf(error, command));
  }
}

/** `AW_TIMEOUT=` is how a script or a CI file says that there is none. */
function forgetEmptyVariables(command: Command): void {
  for (const option of command.options) {
    if (option.envVar !== undefined && process.env[option.envVar] === '') delete option.envVar;
  }
  for (const each of command.commands) forgetEmptyVariables(each);
}

/** An AW_USAGE that leads to the help of `command`. */
export function usage(command: string, problem: string): AwError {
  return new AwError('AW_USAGE', { problem, command });
}

function problemOf(error: CommanderError, command: Command): string {
  if (error.code === 'commander.help') {
    return `say which: ${command.commands.map(each => each.name()).join(', ')}`;
  }
  return error.message.replace(/^error: /, '').replaceAll('\n', ' ');
}
