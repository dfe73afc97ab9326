/** The options of commands that show a run. */
import { type Command, Option } from 'commander';

export type OutputMode = 'auto' | 'lanes' | 'prefix' | 'json';

export interface OutputOptions {
  output: OutputMode;
  group?: boolean;
  quiet?: boolean;
  junit?: string;
}

export function addOutputOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--output <mode>',
        'lanes: a live lane per host, then gathered results; prefix: every line as it comes, as "host | line"; ' +
          'json: the events, one a line. auto: lanes for two or more hosts on a terminal, else prefix',
      )
        .choices(['auto', 'lanes', 'prefix', 'json'])
        .default('auto')
        .env('AW_OUTPUT'),
    )
    .option('--group', 'show identical results of several hosts once (default)')
    .option('--no-group', 'show the results of each host by itself')
    .addOption(new Option('--junit <file>', 'also write a JUnit report, one suite per host').env('AW_JUNIT'))
    .option('-q, --quiet', 'only what the hosts print, and errors');
}
