/** `aw agent followers check` */
import type { Command } from 'commander';
import type { HostEntry } from '../../contract/hosts.ts';
import { acceptNewHostKeys } from '../options/reach.ts';
import { addSelectors, type SelectorOptions } from '../options/selectors.ts';
import { printable } from '../render/printable.ts';
import type { Io } from '../terminal/io.ts';

export type CheckOptions = SelectorOptions & {
  offline?: boolean;
  verbose?: boolean;
  acceptNewHostKeys?: boolean;
  json?: boolean;
};

/** A fence would say the same with the same code. */
const EXIT_UNPORTABLE = 3;

/** Adds it to `command`, called `name`; `act` gets what was asked for. */
export function addCheck(
  command: Command,
  name: string,
  act: (options: CheckOptions) => Promise<void>,
): void {
  addSelectors(command.command('check'))
    .description(
      'Look for what some follower could not have of this project: names that are one name there, or none, paths that\n' +
        "are too long, links; and for line endings that are not the repository's. With a name that would do. Changes nothing.",
    )
    .option('--offline', 'ask no follower: each is taken for a usual one of its OS')
    .option('-v, --verbose', 'every path; default: of many, the first')
    .addOption(acceptNewHostKeys())
    .option('--json', 'one JSON record a line: the hosts, then the problems')
    .addHelpText(
      'after',
      `\nExit code 0: every follower can have all of it, perhaps with warnings; 3: some cannot, and a fence would say so.\n\nExamples:\n  ${name} check\n  ${name} check --offline --tag os=windows`,
    )
    .action(act);
}

/** Resolves to the exit code. @throws what concerns the project itself */
export async function checkPortability(
  project: string,
  hosts: readonly HostEntry[],
  options: CheckOptions,
  io: Io,
): Promise<number> {
  const { checkProject } = await import('../../leader/portability/index.ts');
  const check = await checkProject(project, hosts, {
    offline: options.offline === true,
    reach: { acceptNewHostKeys: options.acceptNewHostKeys === true },
  });
  const { problems } = check;
  if (options.json) {
    for (const record of [...check.hosts, ...problems]) io.write('stdout', `${JSON.stringify(record)}\n`);
  } else {
    const { hostLines, problemLines, summaryText } = await import('../render/portability.ts');
    const { paint } = io.stdout;
    const lines = [
      `${printable(project)}: ${check.files} files in ${check.directories} directories`,
      ...hostLines(check.hosts).map(line => `  ${line}`),
      ...(check.hasLineEndings
        ? []
        : ['  line endings were not looked at: git knows nothing of this directory']),
      '',
      ...problemLines(problems, paint, options.verbose === true),
      summaryText(problems, paint),
    ];
    io.write('stdout', `${lines.join('\n')}\n`);
  }
  return problems.some(({ level }) => level === 'error') ? EXIT_UNPORTABLE : 0;
}
