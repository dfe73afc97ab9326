/** `aw agent followers sync-fence` */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { FenceOptions as OrderedOptions } from '../../contract/leader-api.ts';
import { snapshotChoices } from '../../contract/snapshot-names.ts';
import type { FenceAnswer, FencedHost } from '../../leader/orders/fence.ts';
import { addEngineOptions } from '../options/engine.ts';
import { addLeaderChoice, type LeaderChoice } from '../options/leader.ts';
import { acceptNewHostKeys } from '../options/reach.ts';
import { addSelectors, checkSelectors, type SelectorOptions } from '../options/selectors.ts';
import { parseTimeout } from '../options/values.ts';
import { formatBytes, formatDuration } from '../render/duration.ts';
import { errorLines, jointErrorLines } from '../render/error-text.ts';
import { rewrittenText } from '../render/fence-lines.ts';
import { printable } from '../render/printable.ts';
import { tableLines } from '../render/table.ts';
import { leadFence } from '../run/leader.ts';
import { createFenceDisplay } from '../terminal/fence-display.ts';
import type { Io } from '../terminal/io.ts';

export type FenceOptions = OrderedOptions &
  SelectorOptions &
  LeaderChoice & { json?: boolean /** Milliseconds. */; watch?: number };

/** Some follower is not, or not known to be, equal to the leader. */
const EXIT_FENCE = 3;

/** Adds it to `command`, called `name`; `act` gets what was asked for. */
export function addFence(
  command: Command,
  name: string,
  act: (options: FenceOptions) => Promise<void>,
): void {
  addFenceOptions(command.command('sync-fence'))
    .description(
      "Make each follower's workspace equal to this project, and prove it: the same names, contents, links and\n" +
        'executable marks, as a look finds it that began after the last change. What is ignored stays as it is.',
    )
    .option('--json', 'one JSON record a line')
    .addOption(
      new Option(
        '--watch [seconds]',
        'then again whenever something changes here, and after so many seconds at the latest',
      )
        .argParser(parseTimeout)
        .preset('30'),
    )
    .addHelpText(
      'after',
      `\nExit code 0: consistent on every follower; 3: not on some.\n\nExamples:\n  ${name} sync-fence\n  ${name} sync-fence --host win-01 --level rehash`,
    )
    .action(act);
}

/** All that a fence can be told. */
export function addFenceOptions(command: Command): Command {
  addLeaderChoice(addSelectors(command))
    .addOption(
      new Option('--timeout <seconds>', 'for each follower').argParser(parseTimeout).default(120_000, '120'),
    )
    .addOption(
      new Option('--level <level>', 'stat: read what looks changed; rehash: read every file there again')
        .choices(['stat', 'rehash'])
        .default('stat'),
    )
    .addOption(
      new Option('--portability <policy>', 'paths that a follower cannot have: an error, or left out')
        .choices(['error', 'exclude'])
        .default('error'),
    )
    .addOption(
      new Option('--snapshot <how>', 'freeze the project while its files are sent; auto: where btrfs does')
        .choices(snapshotChoices)
        .default('auto'),
    );
  return addEngineOptions(command)
    .option('--adopt', 'a workspace that no fence has filled may lose what the project does not have')
    .option('--allow-empty', 'also when the project is empty')
    .addOption(acceptNewHostKeys());
}

/** Resolves to the exit code. @throws what concerns the project itself: then no follower was touched. */
export async function syncFence(options: FenceOptions, name: string, io: Io): Promise<number> {
  checkSelectors(options, name);
  if (options.watch === undefined) {
    const answer = await fence(options, io);
    show(answer, options, io);
    return exitCodeOf(answer.hosts);
  }
  const { keepEqual } = await import('../run/keep-equal.ts');
  const { hosts } = await keepEqual(io, options.watch, () => fence(options, io), {
    show: answer => show(answer, options, io),
    fail: error => io.write('stderr', `${errorLines(error, io.stderr.paint).join('\n')}\n`),
    note: text => io.write('stderr', `${printable(text)}\n`),
  });
  return exitCodeOf(hosts);
}

async function fence(options: FenceOptions, io: Io): Promise<FenceAnswer> {
  const display = options.json ? undefined : createFenceDisplay(io);
  try {
    return await leadFence(options, options, io, display?.onPhase);
  } finally {
    display?.end();
  }
}

function show({ project, hosts, ...fence }: FenceAnswer, { json }: FenceOptions, io: Io): void {
  if (json) {
    for (const host of hosts) io.write('stdout', `${JSON.stringify(host)}\n`);
    return;
  }
  const of = `${fence.files} files in ${fence.directories} directories`;
  io.write('stdout', `${printable(project)}: ${of}, snapshot ${fence.snapshotId}\n`);
  print(hosts, io);
}

export function exitCodeOf(hosts: readonly FencedHost[]): number {
  return hosts.every(({ state }) => state === 'consistent') ? 0 : EXIT_FENCE;
}

function print(hosts: readonly FencedHost[], io: Io): void {
  const rows = hosts.map(({ host, state, changes, sent, excluded, tookMs }) => [
    host,
    state,
    String(changes),
    formatBytes(sent),
    String(excluded.length),
    formatDuration(tookMs),
  ]);
  const header = ['host', 'state', 'changes', 'sent', 'left out', 'took'];
  io.write('stdout', `${tableLines(header, rows, io.stdout.paint).join('\n')}\n`);
  for (const { host, session, healed, rewritten = [] } of hosts) {
    if (rewritten.length > 0) io.write('stderr', `${host}: ${rewrittenText(rewritten)}\n`);
    if (healed !== undefined) {
      io.write('stderr', `${host}: made equal by the embedded engine: ${printable(healed.message)}\n`);
    } else if (session !== undefined) {
      const { session: name, status, conflicts, problems } = session;
      const state = `${printable(status)}, ${conflicts} conflicts, ${problems} problems`;
      io.write('stderr', `${host}: mutagen session ${name}: ${state}\n`);
    }
  }
  const errors = hosts.flatMap(({ host, error }) => (error === undefined ? [] : [{ host, error }]));
  for (const line of jointErrorLines(errors, io.stderr.paint)) io.write('stderr', `${line}\n`);
}
