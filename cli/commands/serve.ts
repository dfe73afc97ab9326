/** `aw serve` */
import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { type CommandRun, createCommand, runCommand } from '../options/command.ts';
import { parsePort } from '../options/values.ts';
import type { Io } from '../terminal/io.ts';

interface ServeOptions {
  host: string;
  port: number;
  db?: string;
  tokenFile?: string;
}

/** MiB of V8's young generation. A request's events are garbage after it; the default lets them take twice the memory for nothing. */
const SEMI_SPACE = '--max-semi-space-size=8';

/** Where the service listens when it is not told. */
const DEFAULT_PORT = 7717;

export const run: CommandRun = async (name, argv, io) => {
  const command = createCommand(name, io)
    .description(
      'Start the service: it stores the events of runs in SQLite and sends them on over SSE.\n' +
        'Whoever can connect to 127.0.0.1 may use it; with --token-file every call needs that token.',
    )
    .addOption(
      new Option('--host <address>', 'address to listen on').default('127.0.0.1').env('AW_SERVE_HOST'),
    )
    .addOption(
      new Option('--port <n>', 'port to listen on; 0 for any free one')
        .argParser(parsePort)
        .default(DEFAULT_PORT)
        .env('AW_SERVE_PORT'),
    )
    .addOption(
      new Option(
        '--db <file>',
        'the SQLite file, or :memory:; default service.db in the state directory',
      ).env('AW_SERVE_DB'),
    )
    .addOption(new Option('--token-file <file>', 'file with the admin token').env('AW_SERVE_TOKEN_FILE'))
    .addHelpText(
      'after',
      `
Ctrl-C stops it; clients resume where they were when it is back.

Examples:
  ${name}
  ${name} --port 0 --db :memory:
  curl -N http://127.0.0.1:${DEFAULT_PORT}/api/v1/sessions/SESSION/events`,
    )
    .action((options: ServeOptions) => serve(options, io));
  await runCommand(command, argv);
  return 0;
};

async function serve(options: ServeOptions, io: Io): Promise<void> {
  beginSmall();
  const { startServer } = await import('../../server/index.ts');
  const server = await startServer({
    host: options.host,
    port: options.port,
    db: await databasePath(options.db, io),
    ...(options.tokenFile === undefined ? {} : { tokenFile: resolve(io.cwd, options.tokenFile) }),
    log: message => io.write('stderr', `${message}\n`),
  });
  io.write('stdout', `Listening on ${server.url}\n`);
  await stopSignal();
  io.write('stderr', 'Stopping.\n');
  await server.close();
}

/** Has this process begin anew with the flag, which cannot be set later, where a process can be replaced by another program. */
function beginSmall(): void {
  const { execve, execArgv, execPath, platform, channel } = process;
  // Over a channel a launcher hands its signals on; the new program would not hear them.
  if (execve === undefined || platform === 'win32' || channel !== undefined) return;
  if (execArgv.some(flag => flag.startsWith('--max-semi-space-size'))) return;
  execve(execPath, [execPath, SEMI_SPACE, ...execArgv, ...process.argv.slice(1)], process.env);
}

async function databasePath(db: string | undefined, io: Io): Promise<string> {
  if (db === ':memory:') return db;
  if (db !== undefined) return resolve(io.cwd, db);
  const { makePrivateDirectory, stateRoot } = await import('../../leader/state.ts');
  return join(makePrivateDirectory(stateRoot(io.env)), 'service.db');
}

/** Resolves at SIGINT or SIGTERM. A second one ends the process in the platform's way. */
function stopSignal(): Promise<void> {
  return new Promise(done => {
    const stop = () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      done();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
