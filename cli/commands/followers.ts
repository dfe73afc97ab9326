/** `aw agent followers list | doctor | stop`; the others are in the files beside this one. */
import type { FollowerReport } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { FollowerState } from '../../leader/index.ts';
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { acceptNewHostKeys, autoInstall } from '../options/reach.ts';
import { addSelectors, checkSelectors, type SelectorOptions } from '../options/selectors.ts';
import { errorLines } from '../render/error-text.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';
import { addCheck, checkPortability } from './followers-check.ts';
import { addFence, syncFence } from './followers-fence.ts';
import { addFetch, fetchFrom } from './followers-fetch.ts';
import { addChanges, change } from './followers-install.ts';

type ListOptions = SelectorOptions & { json?: boolean };
type DoctorOptions = ListOptions & { acceptNewHostKeys?: boolean; autoInstall?: boolean; verbose?: boolean };
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
      await list(await selectFollowers(options, name, io), options.json === true, io);
    });

  addSelectors(command.command('doctor'))
    .description('Look at each step between here and a command on the follower, and say what would fix it.')
    .option('--json', 'one JSON record a line, as each follower has been looked at')
    .option(
      '-v, --verbose',
      'every step on every follower; default: of several, those where something failed',
    )
    .addOption(acceptNewHostKeys())
    .addOption(autoInstall())
    .addHelpText(
      'after',
      `\nExit code 0: all is well, or nearly; 4: something failed.\n\nExamples:\n  ${name} doctor\n  ${name} doctor --host win-01`,
    )
    .action(async (options: DoctorOptions) => {
      exitCode = await examine(await selectFollowers(options, name, io), options, io);
    });

  addSelectors(command.command('stop'))
    .description("Stop the followers' agents on this machine. They start again when they are needed.")
    .option('--force', 'also while they have runs in progress, which are ended')
    .addHelpText('after', `\nExamples:\n  ${name} stop\n  ${name} stop --host lin-03 --force`)
    .action(async (options: StopOptions) => {
      exitCode = await stop(await selectFollowers(options, name, io), options.force === true, io);
    });

  addFence(command, name, async options => {
    exitCode = await syncFence(options, name, io);
  });
  addCheck(command, name, async options => {
    const { findProject } = await import('../../leader/index.ts');
    exitCode = await checkPortability(
      findProject(io.cwd),
      await selectFollowers(options, name, io),
      options,
      io,
    );
  });
  addFetch(command, name, async (globs, options) => {
    const { findProject } = await import('../../leader/index.ts');
    exitCode = await fetchFrom(
      findProject(io.cwd),
      await selectFollowers(options, name, io),
      globs,
      options,
      io,
    );
  });
  addChanges(command, name, async (what, options) => {
    exitCode = await change(what, await selectFollowers(options, name, io), options, io);
  });

  await runCommand(command, argv);
  return exitCode;
};

/** The hosts of this project that are meant. @throws AW_CATALOG_*, AW_SELECTOR_* */
export async function selectFollowers(options: SelectorOptions, name: string, io: Io): Promise<HostEntry[]> {
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

/**
 * Each host is shown as soon as it has been looked at: one that hangs holds up no other. Resolves to 4 when something on
 * some follower is broken.
 */
async function examine(hosts: HostEntry[], options: DoctorOptions, io: Io): Promise<number> {
  const { findProject, followersDoctor } = await import('../../leader/index.ts');
  const { isWell, reportLines, summaryLine } = await import('../render/doctor.ts');
  const { paint, isTerminal } = io.stdout;
  const show = (report: FollowerReport) => {
    if (options.json === true) return printRecords([report], io);
    const columns = isTerminal ? { columns: io.size().columns } : {};
    const fold = hosts.length > 1 && options.verbose !== true;
    io.write('stdout', `${reportLines(report, { paint, fold, ...columns }).join('\n')}\n`);
  };
  const reports = await followersDoctor(hosts, {
    project: findProject(io.cwd),
    reach: {
      acceptNewHostKeys: options.acceptNewHostKeys === true,
      autoInstall: options.autoInstall === true,
    },
    onReport: show,
  });
  if (options.json !== true) io.write('stdout', `\n${summaryLine(reports, paint)}\n`);
  return reports.every(isWell) ? 0 : 4;
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
