/** `aw agent fleet up | status | down`: the resident leader. */
import { Option } from 'commander';
import { hasNone, type Link, openLink } from '../../leader/daemon/link.ts';
import {
  type FleetHost,
  type FleetStatus,
  fromFailure,
  isEvent,
  type RunInProgress,
  type Said,
} from '../../leader/daemon/messages.ts';
import { stateRoot } from '../../leader/state.ts';
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { acceptNewHostKeys, autoInstall } from '../options/reach.ts';
import { addSelectors, checkSelectors, type SelectorOptions } from '../options/selectors.ts';
import { parseTimeout } from '../options/values.ts';
import { formatBytes } from '../render/duration.ts';
import { errorLines } from '../render/error-text.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

type UpOptions = SelectorOptions & { acceptNewHostKeys?: boolean; autoInstall?: boolean; idle?: number };

/** Not reached. */
const EXIT_HOST = 4;
const EXIT_STOPPED = 1;

export const run: CommandRun = async (name, argv, io) => {
  let exitCode = 0;
  const command = createCommand(name, io)
    .description(
      'The resident leader: a process of this machine that keeps connections to followers, so that a\n' +
        'command costs one round trip. The first command that needs it starts it; unused for 15 minutes\n' +
        '(AW_LEADER_IDLE, in seconds) it ends by itself.',
    )
    .addHelpText('after', `\nExamples:\n  ${name} up\n  ${name} status\n  ${name} down`);

  addSelectors(command.command('up'))
    .description('Start it if need be, and connect it to the selected followers. It stays until it is ended.')
    .addOption(acceptNewHostKeys())
    .addOption(autoInstall())
    .addOption(
      new Option('--idle <seconds>', 'end after this long without a command').argParser(parseTimeout),
    )
    .addHelpText(
      'after',
      `\nExit code 0: all were reached; 4: some were not.\n\nExamples:\n  ${name} up\n  ${name} up --tag os=linux`,
    )
    .action(async (options: UpOptions) => {
      checkSelectors(options, name);
      exitCode = await up(options, io);
    });

  command
    .command('status')
    .description('Whether it runs, what it does, and its connections. Starts nothing.')
    .option('--json', 'one JSON record')
    .addHelpText(
      'after',
      `\nExit code 0: it runs; 1: it does not.\n\nExamples:\n  ${name} status\n  ${name} status --json`,
    )
    .action(async (options: { json?: boolean }) => {
      exitCode = await status(options.json === true, io);
    });

  command
    .command('down')
    .description('End it. Runs go on; a command that watches one starts another leader.')
    .addHelpText('after', `\nExample:\n  ${name} down`)
    .action(async () => {
      await down(io);
    });

  await runCommand(command, argv);
  return exitCode;
};

async function up(options: UpOptions, io: Io): Promise<number> {
  const { host, tag, hosts, acceptNewHostKeys, autoInstall, idle: idleMs } = options;
  const link = await openLink(stateRoot(io.env), { start: io.env, isNeeded: true });
  const env = { ...io.env } as Record<string, string>;
  const choice = { host, tag, hosts, acceptNewHostKeys, autoInstall, idleMs };
  link.send({ type: 'up', cwd: io.cwd, env, ...choice });
  const reached: FleetHost[] = [];
  for await (const said of answers(link)) if (said.leader === 'host') reached.push(said);
  const rows = reached.map(each => [
    each.host,
    each.transport,
    each.error === undefined ? `connected, ${each.version}` : each.error.code,
    roundTrip(each),
  ]);
  const lines = tableLines(['host', 'transport', 'state', 'round trip'], rows, io.stdout.paint);
  io.write('stdout', `${lines.join('\n')}\n`);
  const failed = reached.flatMap(({ host: name, error }) => (error === undefined ? [] : [{ name, error }]));
  for (const { name, error } of failed) {
    for (const line of errorLines(error, io.stderr.paint, name)) io.write('stderr', `${line}\n`);
  }
  return failed.length === 0 ? 0 : EXIT_HOST;
}

async function status(isJson: boolean, io: Io): Promise<number> {
  const link = await openRunning(io);
  if (link === undefined) {
    io.write('stdout', isJson ? '{"running":false}\n' : 'The resident leader does not run.\n');
    return EXIT_STOPPED;
  }
  link.send({ type: 'status' });
  for await (const said of answers(link)) {
    if (said.leader !== 'status') continue;
    const { leader, ...rest } = said;
    const text = isJson ? JSON.stringify({ running: true, ...rest }) : statusLines(said, io).join('\n');
    io.write('stdout', `${text}\n`);
  }
  return 0;
}

function statusLines({ pid, version, startedAt, memory, runs, connections }: FleetStatus, io: Io): string[] {
  const since = startedAt.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
  const rows = connections
    .map(each => [each.host, each.transport, each.address, each.state, each.version ?? '', roundTrip(each)])
    .sort(([one], [other]) => one!.localeCompare(other!));
  const header = ['host', 'transport', 'address', 'state', 'version', 'round trip'];
  return [
    `The resident leader runs: process ${pid}, version ${version}, since ${since}, ${formatBytes(memory)}.`,
    ...(runs.length === 0 ? [] : ['', ...runTable(runs, io)]),
    ...(rows.length === 0 ? [] : ['', ...tableLines(header, rows, io.stdout.paint)]),
  ];
}

function roundTrip({ rttMs }: { rttMs?: number }): string {
  return rttMs === undefined ? '' : `${rttMs.toFixed(1)} ms`;
}

function runTable(runs: readonly RunInProgress[], io: Io): string[] {
  const rows = runs.map(each => [
    each.runId,
    String(each.hosts.length),
    each.watched ? 'yes' : 'no',
    each.command,
  ]);
  return tableLines(['run', 'hosts', 'watched', 'command'], rows, io.stdout.paint);
}

async function down(io: Io): Promise<void> {
  const { endLeader } = await import('../../leader/daemon/end.ts');
  const ended = await endLeader(stateRoot(io.env));
  if (ended === undefined) {
    io.write('stdout', 'The resident leader does not run.\n');
    return;
  }
  io.write('stdout', `ended (process ${ended.pid})\n`);
  for (const { runId, onLeaderLoss } of ended.runs) {
    const fate =
      onLeaderLoss === 'continue'
        ? `goes on at its followers; aw agent runs attach ${runId} shows it`
        : 'its followers end it soon, unless a command that watches it starts another leader';
    io.write('stdout', `run ${runId}: ${fate}\n`);
  }
}

/** Undefined when none runs. */
async function openRunning(io: Io): Promise<Link | undefined> {
  try {
    return await openLink(stateRoot(io.env));
  } catch (error) {
    if (hasNone(error)) return undefined;
    throw error;
  }
}

/** What the leader says, to its last word. @throws what it refuses */
async function* answers(link: Link): AsyncGenerator<Said> {
  for (let said = await link.next(); said !== undefined; said = await link.next()) {
    if (isEvent(said)) continue;
    if (said.leader === 'failed') throw fromFailure(said.error);
    yield said;
  }
}
