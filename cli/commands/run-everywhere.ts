/** `aw agent run-everywhere`: one command on every selected follower. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { shellNames } from '../../contract/shell-names.ts';
import { snapshotChoices } from '../../contract/snapshot-names.ts';
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { addEngineOptions } from '../options/engine.ts';
import { addLeaderChoice } from '../options/leader.ts';
import { addOutputOptions } from '../options/output.ts';
import { acceptNewHostKeys, autoInstall } from '../options/reach.ts';
import { addSelectors } from '../options/selectors.ts';
import { addServiceOptions } from '../options/service.ts';
import { collect, parseBytes, parseCount, parseSeconds, parseTimeout } from '../options/values.ts';
import type { RunArguments, RunOptions } from '../run/run-options.ts';
import type { Io } from '../terminal/io.ts';

export const run: CommandRun = (name, argv, io) =>
  parseRun(name, argv, io, async parsed => {
    const { runEverywhere } = await import('../run/run-everywhere.ts');
    return runEverywhere({ ...parsed, io });
  });

/**
 * Parses up to the first `--` and hands all that was said to `act`, whose exit code it returns; 0 when it was only
 * help that was asked for. What stands behind `--` is not looked at.
 * @throws AW_USAGE
 */
export async function parseRun(
  name: string,
  argv: readonly string[],
  io: Io,
  act: (parsed: RunArguments) => Promise<number>,
): Promise<number> {
  const end = argv.indexOf('--');
  const tail = end === -1 ? undefined : argv.slice(end + 1);
  let exitCode = 0;
  const command = define(name, io).action(async (words: string[], options: RunOptions) => {
    exitCode = await act({ name, words, tail, options });
  });
  await runCommand(command, end === -1 ? argv : argv.slice(0, end));
  return exitCode;
}

function define(name: string, io: Io): Command {
  const command = createCommand(name, io)
    .usage(
      '[selectors] [options] -- COMMAND [ARG...]\n       ' +
        `${name} [selectors] [options] -c SCRIPT [-- ARG...]`,
    )
    .description(
      'Run one command on every selected follower, in the directory that is the counterpart of this one.\n' +
        'The command sees exactly the arguments given here; no shell takes them apart on the way.',
    )
    .argument('[words...]')
    .option(
      '-c, --command <script>',
      'run a script in each follower\'s shell (or --shell); "-- ARG..." become its $1...',
    );
  command.optionsGroup('Selectors:');
  addSelectors(command).option(
    '--rerun-failed',
    'the hosts that failed in the last run of this project; without a command, its command as it was asked for',
  );
  command.optionsGroup('Options:');
  addRunOptions(command);
  addLeaderChoice(command);
  addOutputOptions(command);
  addServiceOptions(command)
    .addOption(
      new Option('--session <id>', 'the session of the service; default a new one').env('AW_SESSION'),
    )
    .option(
      '--follower-reports',
      'followers also report to the service themselves, so a killed leader loses nothing',
    );
  return command.addHelpText('after', helpText(name));
}

function addRunOptions(command: Command): void {
  command
    .addOption(
      new Option('--shell <name>', 'run the command through this shell').choices(shellNames).env('AW_SHELL'),
    )
    .option('--cwd <dir>', 'directory whose counterpart the command runs in; default the current one')
    .option('--env <assignment>', 'NAME=VALUE, or NAME to hand on its value from here; repeatable', collect)
    .addOption(
      new Option('--timeout <seconds>', 'end the command on a host after this long (exit code 124)')
        .argParser(parseTimeout)
        .env('AW_TIMEOUT'),
    )
    .addOption(
      new Option('--grace <seconds>', 'between INT, TERM and KILL when a run is ended')
        .argParser(parseSeconds)
        .default(5000, '5')
        .env('AW_GRACE'),
    )
    .addOption(
      new Option('--max-parallel <n>', 'the most hosts at work at one time; default all')
        .argParser(parseCount)
        .env('AW_MAX_PARALLEL'),
    )
    .addOption(
      new Option('--on-leader-loss <action>', 'what followers do with the run when this command is killed')
        .choices(['continue', 'cancel'])
        .default('continue')
        .env('AW_ON_LEADER_LOSS'),
    )
    .option('--detach', 'start it everywhere and return; aw agent runs attach RUN shows it')
    .addOption(acceptNewHostKeys())
    .addOption(autoInstall())
    .option('--agentless', 'over SSH, run without an agent on hosts that have none, with fewer guarantees')
    .option('--stdin', 'give what this command reads on stdin to every host')
    .option('--map-output', 'rewrite follower paths in the output to the paths here')
    .option(
      '--expand-workspace',
      "replace {workspace} in arguments and --env by each host's project directory",
    )
    .addOption(
      new Option('--log-limit <bytes>', 'end the run on a host when its log grows beyond this, such as 500M')
        .argParser(parseBytes)
        .env('AW_LOG_LIMIT'),
    )
    .option(
      '--no-fence',
      "run on the files that are there, without making them equal to this project's first",
    )
    .addOption(
      new Option('--fence-timeout <seconds>', "to make a host's files equal to this project's; default 120")
        .argParser(parseTimeout)
        .env('AW_FENCE_TIMEOUT'),
    )
    .addOption(
      new Option('--on-laggard <action>', 'when a host does not become equal: run nowhere, or on the others')
        .choices(['abort', 'exclude'])
        .env('AW_ON_LAGGARD'),
    )
    .addOption(
      new Option(
        '--snapshot <how>',
        'freeze the project while its files are sent; default auto: where btrfs does',
      )
        .choices(snapshotChoices)
        .env('AW_SNAPSHOT'),
    );
  addEngineOptions(command).addOption(
    new Option('--portability <policy>', 'paths that a host cannot have: an error, or left out there')
      .choices(['error', 'exclude'])
      .env('AW_PORTABILITY'),
  );
}

function helpText(name: string): string {
  return `
Ctrl-C once ends the run on every host (INT, TERM, KILL, --grace apart) and says that all processes are gone;
twice kills at once. SIGTERM is like one Ctrl-C. When the reader of stdout goes away (| head), the run is ended
and the exit code is 141.

Exit codes: 0 passed everywhere, 1 failed on a host, 2 usage or configuration, 4 host or agent not reached,
            124 timeout, 130 cancelled. An option given here wins over its AW_* variable.

Examples:
  ${name} -- npm test                              on every follower
  ${name} --tag os=windows -- node --test
  ${name} --host 'lin-*' --host '!lin-03' -- make -j4
  ${name} --shell bash -c 'echo "$1" | wc -c' -- hello
  ${name} --timeout 600 --junit report.xml -- npm test
  ${name} --rerun-failed                           again, where it failed
  ${name} --output json -- npm test | jq -r 'select(.type == "hostExited")'`;
}
