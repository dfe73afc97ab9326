/** `aw agent followers list | doctor | stop` */
import type { Finding } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { FollowerReport, FollowerState } from '../../leader/index.ts';
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { acceptNewHostKeys } from '../options/host-keys.ts';
import { addSelectors, checkSelectors, type SelectorOptions } from '../options/selectors.ts';
import { errorLines } from '../render/error-text.ts';
import type { Paint } from '../render/paint.ts';
import { printable } from '../render/printable.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

type ListOptions = SelectorOptions & { json?: boolean };
type DoctorOptions = ListOptions & { acceptNewHostKeys?: boolean };
type StopOptions = SelectorOptions & { force?: boolean };

export const run: CommandRun = async (name, argv, io) => {
  let exitCode = 0;
  const command = createCommand(name, io)
    .description('The followers of this project: what each is, whether it works, and stopping its agent.')
    .addHelpText('after', `\nExamples:\n  ${name} list\n  ${name} doctor --host win-01\n  ${name} stop`);

  addSelectors(command.command('list'))
    .description('List the followers and how they stand. Starts nothing.')
    .option('--json', 'one JSON record a line')
    .addHelpText('after', `\nExamples:\n  ${name} list\n  ${name} list --tag os=linux --json`)
    .action(async (options: ListOptions) => {
      await list(await select(options, name, io), options.json === true, io);
    });

  addSelectors(command.command('doctor'))
    .description('Look at each step between here and a command on the follower, and say what would fix it.')
    .option('--json', 'one JSON record a line')
    .addOption(acceptNewHostKeys())
    .addHelpText('after', `\nExamples:\n  ${name} doctor\n  ${name} doctor --host win-01`)
    .action(async (options: DoctorOptions) => {
      exitCode = await examine(await select(options, name, io), options, io);
    });

  addSelectors(command.command('stop'))
    .description("Stop the followers' agents on this machine. They start again when they are needed.")
    .option('--force', 'also while they have runs in progress, which are ended')
    .addHelpText('after', `\nExamples:\n  ${name} stop\n  ${name} stop --host lin-03 --force`)
    .action(async (options: StopOptions) => {
      exitCode = await stop(await select(options, name, io), options.force === true, io);
    });

  await runCommand(command, argv);
  return exitCode;
};

async function select(options: SelectorOptions, name: string, io: Io): Promise<HostEntry[]> {
  checkSelectors(options, name);
  const { findProject, loadCatalogue, selectHosts } = await import('../../leader/index.ts');
  const catalogue = await loadCatalogue({
    project: findProject(io.cwd),
    env: io.env,
    ...(options.hosts === undefined ? {} : { file: options.hosts }),
  });
  return selectHosts(catalogue.hosts, { host: options.host ?? [], tag: options.tag ?? [] });
}

async function list(hosts: HostEntry[], isJson: boolean, io: Io): Promise<void> {
  const { followersList } = await import('../../leader/index.ts');
  const states = await followersList(hosts);
  if (isJson) return printRecords(states, io);
  const rows = states.map(({ name, os, transport, workspace, tags, ...rest }) => [
    name,
    os,
    transport,
    stateText(rest),
    workspace,
    tags.join(' '),
  ]);
  const header = ['name', 'os', 'transport', 'state', 'workspace', 'tags'];
  io.write('stdout', `${tableLines(header, rows, io.stdout.paint).join('\n')}\n`);
}

function stateText({ state, runs, error }: Pick<FollowerState, 'state' | 'runs' | 'error'>): string {
  if (error !== undefined) return `${state}: ${error.code}`;
  return runs ? `${state}, ${runs} at work` : state;
}

/** Resolves to 4 when something on some follower is broken. */
async function examine(hosts: HostEntry[], options: DoctorOptions, io: Io): Promise<number> {
  const { followersDoctor } = await import('../../leader/index.ts');
  const reports = await followersDoctor(hosts, {
    reach: { acceptNewHostKeys: options.acceptNewHostKeys === true },
  });
  if (options.json) printRecords(reports, io);
  else io.write('stdout', `${reports.flatMap(report => reportLines(report, io.stdout.paint)).join('\n')}\n`);
  const isBroken = reports.some(
    ({ reachable, findings }) => !reachable || findings.some(finding => finding.status === 'failed'),
  );
  return isBroken ? 4 : 0;
}

const findingStyles: Record<Finding['status'], { glyph: string; colour: Parameters<Paint>[0] }> = {
  ok: { glyph: '✓', colour: 'green' },
  info: { glyph: '·', colour: 'dim' },
  warning: { glyph: '!', colour: 'yellow' },
  failed: { glyph: '✗', colour: 'red' },
};

/** One block for each host; what is wrong comes with the command that fixes it. */
export function reportLines({ host, info, findings }: FollowerReport, paint: Paint): string[] {
  const machine =
    info === undefined ? 'not reached' : `${info.os} ${info.arch}, ${info.user}@${info.hostname}`;
  const width = Math.max(0, ...findings.map(finding => finding.check.length));
  return [
    `${paint('bold', host)}  ${printable(machine)}`,
    ...findings.flatMap(({ check, status, detail, fix }) => {
      const { glyph, colour } = findingStyles[status];
      const line = `  ${paint(colour, glyph)} ${printable(check).padEnd(width)}  ${printable(detail)}`;
      const isWanted = fix !== undefined && (status === 'failed' || status === 'warning');
      return isWanted ? [line, `    ${paint('dim', 'fix:')} ${printable(fix)}`] : [line];
    }),
  ];
}

/** Resolves to 0 when none of the agents is left. */
async function stop(hosts: HostEntry[], force: boolean, io: Io): Promise<number> {
  const { stopFollower } = await import('../../leader/index.ts');
  const { asAwError } = await import('../../contract/errors.ts');
  const exitCodes = await Promise.all(
    hosts.map(async host => {
      try {
        const { stopped, pid } = await stopFollower(host, { force });
        const text = stopped ? `stopped (process ${pid})` : 'was not running';
        io.write('stdout', `${host.name}: ${text}\n`);
        return 0;
      } catch (thrown) {
        const error = asAwError(thrown, host.name);
        for (const line of errorLines(error, io.stderr.paint, host.name)) io.write('stderr', `${line}\n`);
        return error.exitCode;
      }
    }),
  );
  return Math.max(...exitCodes);
}

function printRecords(records: readonly object[], io: Io): void {
  for (const record of records) io.write('stdout', `${JSON.stringify(record)}\n`);
}
