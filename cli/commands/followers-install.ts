/** `aw agent followers install | upgrade | uninstall` */
import type { Command } from 'commander';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Change, ChangeReport } from '../../leader/install/fleet.ts';
import { acceptNewHostKeys } from '../options/reach.ts';
import { addSelectors, type SelectorOptions } from '../options/selectors.ts';
import { errorLines } from '../render/error-text.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

export type ChangeOptions = SelectorOptions & {
  json?: boolean;
  acceptNewHostKeys?: boolean;
  force?: boolean;
};

const changes: Record<Change, { description: string; force?: string; example: string }> = {
  install: {
    description:
      'Over SSH, copy the agent to ~/.local/share/agents-workflow/agent of each host. It needs Node 22 or newer there.',
    example: '--host lin-03',
  },
  upgrade: {
    description: 'Where an agent was installed, replace it by the one of this version.',
    force: 'also while it has runs in progress, which are ended',
    example: '--force',
  },
  uninstall: {
    description: 'Where an agent was installed, take it away again, with its logs.',
    force: 'also while it has runs in progress, which are ended',
    example: '--host lin-03',
  },
};

/** Adds the three to `command`, called `name`; `act` gets what was asked for. */
export function addChanges(
  command: Command,
  name: string,
  act: (change: Change, options: ChangeOptions) => Promise<void>,
): void {
  for (const [change, { description, force, example }] of Object.entries(changes)) {
    const sub = addSelectors(command.command(change))
      .description(description)
      .option('--json', 'one JSON record a line')
      .addOption(acceptNewHostKeys())
      .addHelpText(
        'after',
        `\nExit code 0: done, or nothing to do; 4: it failed on a host.\n\nExamples:\n  ${name} ${change}\n  ${name} ${change} ${example}`,
      )
      .action((options: ChangeOptions) => act(change as Change, options));
    if (force !== undefined) sub.option('--force', force);
  }
}

/** Resolves to 4 when it failed on some host. */
export async function change(
  what: Change,
  hosts: HostEntry[],
  options: ChangeOptions,
  io: Io,
): Promise<number> {
  const { changeAgents } = await import('../../leader/install/fleet.ts');
  const reports = await changeAgents(what, hosts, {
    reach: { acceptNewHostKeys: options.acceptNewHostKeys === true },
    force: options.force === true,
  });
  if (options.json) for (const report of reports) io.write('stdout', `${JSON.stringify(report)}\n`);
  else print(reports, io);
  return reports.some(({ error }) => error !== undefined) ? 4 : 0;
}

function print(reports: readonly ChangeReport[], io: Io): void {
  const rows = reports.map(({ host, done, version = '', before, path = '' }) => [
    host,
    before === undefined ? done : `${done}, was ${before}`,
    version,
    path,
  ]);
  const lines = tableLines(['host', 'done', 'version', 'where'], rows, io.stdout.paint);
  io.write('stdout', `${lines.join('\n')}\n`);
  for (const { host, error } of reports) {
    if (error === undefined) continue;
    for (const line of errorLines(error, io.stderr.paint, host)) io.write('stderr', `${line}\n`);
  }
}
