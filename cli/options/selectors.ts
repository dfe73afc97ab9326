/** The options that say which followers are meant. */
import type { Command } from 'commander';
import { usage } from './command.ts';
import { collect } from './values.ts';

export interface SelectorOptions {
  host?: string[];
  tag?: string[];
  all?: boolean;
  /** The catalogue. */
  hosts?: string;
}

export function addSelectors(command: Command): Command {
  return command
    .option(
      '--host <selector>',
      'name, glob (lin-*), range (lin-[01-12]) or comma list; !name leaves one out; repeatable',
      collect,
    )
    .option(
      '--tag <tag>',
      'key=value or key!=value; repeatable, all must hold; os=... is always there',
      collect,
    )
    .option('--all', 'every host of the catalogue (default)')
    .option('--hosts <file>', 'the catalogue; default AW_HOSTS, else .agents/hosts.json of the project');
}

/** @throws AW_USAGE for `--all` beside other selectors. */
export function checkSelectors(options: SelectorOptions, command: string): void {
  if (options.all && isSelecting(options)) {
    throw usage(command, '--all and --host or --tag cannot be used together');
  }
}

export function isSelecting({ host, tag }: SelectorOptions): boolean {
  return host !== undefined || tag !== undefined;
}
