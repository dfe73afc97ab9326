/** `aw agent followers sync-fence` */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { HostEntry } from '../../contract/hosts.ts';
import { type SnapshotChoice, snapshotChoices } from '../../contract/snapshot-names.ts';
import { type SyncEngineName, syncEngines } from '../../contract/sync-engines.ts';
import type { Fence, HostFence } from '../../leader/fence/fence.ts';
import { acceptNewHostKeys } from '../options/host-keys.ts';
import { addSelectors, type SelectorOptions } from '../options/selectors.ts';
import { parseTimeout } from '../options/values.ts';
import { formatBytes, formatDuration } from '../render/duration.ts';
import { jointErrorLines } from '../render/error-text.ts';
import { printable } from '../render/printable.ts';
import { tableLines } from '../render/table.ts';
import { createFenceDisplay } from '../terminal/fence-display.ts';
import type { Io } from '../terminal/io.ts';

export type FenceOptions = SelectorOptions & {
  /** Milliseconds. */
  timeout: number;
  level: 'stat' | 'rehash';
  portability: 'error' | 'exclude';
  snapshot: SnapshotChoice;
  engine?: SyncEngineName;
  heal?: boolean;
  adopt?: boolean;
  allowEmpty?: boolean;
  acceptNewHostKeys?: boolean;
  json?: boolean;
};

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
    .addHelpText(
      'after',
      `\nExit code 0: consistent on every follower; 3: not on some.\n\nExamples:\n  ${name} sync-fence\n  ${name} sync-fence --host win-01 --level rehash`,
    )
    .action(act);
}

/** All that a fence can be told. */
export function addFenceOptions(command: Command): Command {
  return addSelectors(command)
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
    )
    .addOption(
      new Option(
        '--engine <name>',
        'what brings the files; auto: the embedded one; mutagen: see docs/mutagen.md',
      )
        .choices(syncEngines)
        .env('AW_ENGINE'),
    )
    .addOption(new Option('--heal', 'let the embedded engine do what mutagen does not').env('AW_HEAL'))
    .option('--adopt', 'a workspace that no fence has filled may lose what the project does not have')
    .option('--allow-empty', 'also when the project is empty')
    .addOption(acceptNewHostKeys());
}

/** Resolves to the exit code. @throws what concerns the project itself: then no follower was touched. */
export async function syncFence(
  project: string,
  hosts: readonly HostEntry[],
  options: FenceOptions,
  io: Io,
): Promise<number> {
  const display = options.json ? undefined : createFenceDisplay(hosts, io);
  try {
    const fence = await beginFence(project, hosts, options, display?.onPhase);
    const results = await fence.results;
    display?.end();
    if (options.json) {
      for (const [host, result] of Object.entries(results))
        io.write('stdout', `${JSON.stringify(fenceRecord(host, result))}\n`);
    } else {
      const of = `${fence.files} files in ${fence.directories} directories`;
      io.write('stdout', `${printable(project)}: ${of}, snapshot ${fence.snapshotId}\n`);
      print(results, io);
    }
    return exitCodeOf(results);
  } finally {
    display?.end();
  }
}

export function exitCodeOf(results: Readonly<Record<string, HostFence>>): number {
  return Object.values(results).every(({ state }) => state === 'consistent') ? 0 : EXIT_FENCE;
}

/** @throws what concerns the project itself */
export async function beginFence(
  project: string,
  hosts: readonly HostEntry[],
  options: FenceOptions,
  onPhase?: (host: string, phase: string) => void,
): Promise<Fence> {
  const { fenceProject } = await import('../../leader/fence/index.ts');
  return fenceProject(project, hosts, {
    timeoutMs: options.timeout,
    rehash: options.level === 'rehash',
    portability: options.portability,
    snapshot: options.snapshot,
    engine: options.engine,
    heal: options.heal,
    adopt: options.adopt === true,
    allowEmpty: options.allowEmpty === true,
    reach: { acceptNewHostKeys: options.acceptNewHostKeys === true },
    ...(onPhase === undefined ? {} : { onPhase }),
  });
}

/** What programs are told of a host. */
export function fenceRecord(host: string, { error, healed, tookMs, ...result }: HostFence) {
  return {
    host,
    ...result,
    tookMs: Math.round(tookMs),
    ...(error === undefined ? {} : { error: error.toWire() }),
    ...(healed === undefined ? {} : { healed: healed.toWire() }),
  };
}

function print(results: Readonly<Record<string, HostFence>>, io: Io): void {
  const rows = Object.entries(results).map(([host, { state, changes, sent, excluded, tookMs }]) => [
    host,
    state,
    String(changes),
    formatBytes(sent),
    String(excluded.length),
    formatDuration(tookMs),
  ]);
  const header = ['host', 'state', 'changes', 'sent', 'left out', 'took'];
  io.write('stdout', `${tableLines(header, rows, io.stdout.paint).join('\n')}\n`);
  for (const [host, { session, healed }] of Object.entries(results)) {
    if (healed !== undefined) {
      io.write('stderr', `${host}: made equal by the embedded engine: ${printable(healed.message)}\n`);
    } else if (session !== undefined) {
      const { session: name, status, conflicts, problems } = session;
      const state = `${printable(status)}, ${conflicts} conflicts, ${problems} problems`;
      io.write('stderr', `${host}: mutagen session ${name}: ${state}\n`);
    }
  }
  const errors = Object.entries(results).flatMap(([host, { error }]) =>
    error === undefined ? [] : [{ host, error }],
  );
  for (const line of jointErrorLines(errors, io.stderr.paint)) io.write('stderr', `${line}\n`);
}
