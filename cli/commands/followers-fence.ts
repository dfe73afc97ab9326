/** `aw agent followers sync-fence` */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { HostEntry } from '../../contract/hosts.ts';
import type { HostFence } from '../../leader/fence/fence.ts';
import { acceptNewHostKeys } from '../options/host-keys.ts';
import { addSelectors, type SelectorOptions } from '../options/selectors.ts';
import { parseTimeout } from '../options/values.ts';
import { formatBytes, formatDuration } from '../render/duration.ts';
import { jointErrorLines } from '../render/error-text.ts';
import { printable } from '../render/printable.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

export type FenceOptions = SelectorOptions & {
  /** Milliseconds. */
  timeout: number;
  level: 'stat' | 'rehash';
  portability: 'error' | 'exclude';
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
  addSelectors(command.command('sync-fence'))
    .description(
      "Make each follower's workspace equal to this project, and prove it: the same names, contents, links and\n" +
        'executable marks, as a look finds it that began after the last change. What is ignored stays as it is.',
    )
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
    .option('--adopt', 'a workspace that no fence has filled may lose what the project does not have')
    .option('--allow-empty', 'also when the project is empty')
    .addOption(acceptNewHostKeys())
    .option('--json', 'one JSON record a line')
    .addHelpText(
      'after',
      `\nExit code 0: consistent on every follower; 3: not on some.\n\nExamples:\n  ${name} sync-fence\n  ${name} sync-fence --host win-01 --level rehash`,
    )
    .action(act);
}

/** Resolves to the exit code. @throws what concerns the project itself: then no follower was touched. */
export async function syncFence(
  project: string,
  hosts: readonly HostEntry[],
  options: FenceOptions,
  io: Io,
): Promise<number> {
  const { fenceProject } = await import('../../leader/fence/index.ts');
  const fence = await fenceProject(project, hosts, {
    timeoutMs: options.timeout,
    rehash: options.level === 'rehash',
    portability: options.portability,
    adopt: options.adopt === true,
    allowEmpty: options.allowEmpty === true,
    reach: { acceptNewHostKeys: options.acceptNewHostKeys === true },
  });
  const results = await fence.results;
  if (options.json) {
    for (const [host, result] of Object.entries(results))
      io.write('stdout', `${JSON.stringify(record(host, result))}\n`);
  } else {
    const of = `${fence.files} files in ${fence.directories} directories`;
    io.write('stdout', `${printable(project)}: ${of}, snapshot ${fence.snapshotId}\n`);
    print(results, io);
  }
  return Object.values(results).every(({ state }) => state === 'consistent') ? 0 : EXIT_FENCE;
}

function record(host: string, { error, tookMs, ...result }: HostFence) {
  return {
    host,
    ...result,
    tookMs: Math.round(tookMs),
    ...(error === undefined ? {} : { error: error.toWire() }),
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
  const errors = Object.entries(results).flatMap(([host, { error }]) =>
    error === undefined ? [] : [{ host, error }],
  );
  for (const line of jointErrorLines(errors, io.stderr.paint)) io.write('stderr', `${line}\n`);
}
