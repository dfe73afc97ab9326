/** `aw agent followers fetch` */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { HostEntry } from '../../contract/hosts.ts';
import type { HostFetch } from '../../leader/fetch/index.ts';
import { acceptNewHostKeys } from '../options/reach.ts';
import { addSelectors, type SelectorOptions } from '../options/selectors.ts';
import { parseBytes, parseCount, parseTimeout } from '../options/values.ts';
import { formatBytes } from '../render/duration.ts';
import { jointErrorLines } from '../render/error-text.ts';
import { printable } from '../render/printable.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

export type FetchOptions = SelectorOptions & {
  dest: string;
  /** Milliseconds. */
  timeout: number;
  maxBytes: number;
  maxFiles: number;
  acceptNewHostKeys?: boolean;
  json?: boolean;
};

/** Adds it to `command`, called `name`; `act` gets what was asked for. */
export function addFetch(
  command: Command,
  name: string,
  act: (globs: string[], options: FetchOptions) => Promise<void>,
): void {
  addSelectors(command.command('fetch'))
    .description(
      "Bring files back from each follower's workspace, also ignored ones: build outputs, reports. They go to DIR/HOST/,\n" +
        'each compared with the digest it has there, and never into what followers get of this project.',
    )
    .argument('<glob...>', 'paths below the workspace: *, **, {a,b}, [a-z]; of a directory all that is in it')
    .requiredOption('--dest <dir>', 'directory here; each follower has its own in it')
    .addOption(
      new Option('--timeout <seconds>', 'for each follower').argParser(parseTimeout).default(600_000, '600'),
    )
    .addOption(
      new Option('--max-bytes <bytes>', 'the most from each follower')
        .argParser(parseBytes)
        .default(1024 ** 3, '1G'),
    )
    .addOption(
      new Option('--max-files <n>', 'the most from each follower').argParser(parseCount).default(10_000),
    )
    .addOption(acceptNewHostKeys())
    .option('--json', 'one JSON record a line, one for each follower')
    .addHelpText(
      'after',
      `\nExit code 0: all that matches is here; 1: nothing matched on some follower; 4: something could not be fetched.\n\n` +
        `Examples:\n  ${name} fetch 'build/**/*.xml' --dest reports\n  ${name} fetch dist --dest /tmp/dist --host win-01`,
    )
    .action(act);
}

/** Resolves to the exit code. @throws AW_FETCH_DEST, AW_USAGE */
export async function fetchFrom(
  project: string,
  hosts: readonly HostEntry[],
  globs: string[],
  options: FetchOptions,
  io: Io,
): Promise<number> {
  const { fetchFiles } = await import('../../leader/fetch/index.ts');
  const results = await fetchFiles(project, hosts, {
    globs,
    dest: resolve(io.cwd, options.dest),
    timeoutMs: options.timeout,
    maxBytes: options.maxBytes,
    maxFiles: options.maxFiles,
    reach: { acceptNewHostKeys: options.acceptNewHostKeys === true },
  });
  if (options.json) {
    for (const { error, ...result } of results) {
      const record = { ...result, ...(error === undefined ? {} : { error: error.toWire() }) };
      io.write('stdout', `${JSON.stringify(record)}\n`);
    }
  } else print(results, io);
  return Math.max(...results.map(({ error }) => error?.exitCode ?? 0));
}

function print(results: readonly HostFetch[], io: Io): void {
  const rows = results.map(({ host, files = [], bytes = 0, directory }) => [
    host,
    String(files.length),
    formatBytes(bytes),
    printable(directory),
  ]);
  const header = ['host', 'files', 'size', 'directory'];
  io.write('stdout', `${tableLines(header, rows, io.stdout.paint).join('\n')}\n`);
  const errors = results.flatMap(({ host, error }) => (error === undefined ? [] : [{ host, error }]));
  for (const line of jointErrorLines(errors, io.stderr.paint)) io.write('stderr', `${line}\n`);
}
