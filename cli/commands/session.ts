/** `aw session create | list | get | logs | events` */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Session } from '../../contract/service-api.ts';
import type { ServiceClient } from '../../leader/index.ts';
import { type CommandRun, createCommand, runCommand, usage } from '../options/command.ts';
import { addServiceOptions, type ServiceOptions, serviceAccess } from '../options/service.ts';
import { parseCount } from '../options/values.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

interface LogOptions extends ServiceOptions {
  host?: string;
  stream?: 'stdout' | 'stderr';
  run?: string;
}

export const run: CommandRun = async (name, argv, io) => {
  const command = createCommand(name, io)
    .description('Sessions of the service: pieces of work that runs and their logs belong to.')
    .addHelpText(
      'after',
      `
Examples:
  ${name} create --title "port to Windows"
  ${name} list
  ${name} logs SESSION --host win-01 --stream stderr
  ${name} events SESSION --follow`,
    );
  const connect = (options: ServiceOptions) => connectTo(options, name, io);
  addReading(command, connect, io);
  addStreams(command, connect, io);
  await runCommand(command, argv);
  return 0;
};

type Connect = (options: ServiceOptions) => Promise<ServiceClient>;

async function connectTo(
  { service, tokenFile }: ServiceOptions,
  name: string,
  io: Io,
): Promise<ServiceClient> {
  if (service === undefined) throw usage(name, 'say which service: --service URL or AW_SERVICE');
  const { serviceClient } = await import('../../leader/index.ts');
  return serviceClient(await serviceAccess(service, tokenFile, io));
}

function addReading(command: Command, connect: Connect, io: Io): void {
  addServiceOptions(command.command('create'))
    .description('Create a session and print its id.')
    .option('--title <text>', 'what it is about')
    .option('--id <id>', 'its id; default one that the service makes')
    .action(async (options: ServiceOptions & { title?: string; id?: string }) => {
      const { title, id } = options;
      const session = await (await connect(options)).createSession({
        ...(title === undefined ? {} : { title }),
        ...(id === undefined ? {} : { id }),
      });
      io.write('stdout', `${session.id}\n`);
    });

  addServiceOptions(command.command('list'))
    .description('List the sessions, newest first.')
    .option('--json', 'one JSON record a line')
    .action(async (options: ServiceOptions & { json?: boolean }) => {
      const sessions = await (await connect(options)).sessions();
      printSessions(sessions, options.json === true, io);
    });

  addServiceOptions(command.command('get'))
    .description('Show one session as JSON.')
    .argument('<session>')
    .action(async (id: string, options: ServiceOptions) => {
      const session = await (await connect(options)).session(id);
      io.write('stdout', `${JSON.stringify(session, undefined, 2)}\n`);
    });
}

function addStreams(command: Command, connect: Connect, io: Io): void {
  addServiceOptions(command.command('logs'))
    .description('Print what the hosts printed, byte for byte.')
    .argument('<session>')
    .option('--host <name>', 'only of this host')
    .addOption(new Option('--stream <name>', 'only of this stream').choices(['stdout', 'stderr']))
    .option('--run <run>', 'only of this run')
    .action(async (id: string, options: LogOptions) => {
      const { host, stream, run: runId } = options;
      const chunks = (await connect(options)).logs(id, {
        ...(host === undefined ? {} : { host }),
        ...(stream === undefined ? {} : { stream }),
        ...(runId === undefined ? {} : { run: runId }),
      });
      for await (const chunk of chunks) await put(chunk, io);
    });

  addServiceOptions(command.command('events'))
    .description('Print the events, one JSON object a line.')
    .argument('<session>')
    .option('--follow', 'go on with new events as they come, until Ctrl-C')
    .addOption(
      new Option('--after <n>', 'begin after the nth event')
        .argParser(parseCount)
        .default(0, 'the beginning'),
    )
    .action(async (id: string, options: ServiceOptions & { follow?: boolean; after: number }) => {
      const { follow = false, after } = options;
      const events = (await connect(options)).events(id, { follow, after, signal: io.stdoutClosed });
      for await (const { event } of events) await put(`${JSON.stringify(event)}\n`, io);
    });
}

async function put(data: string | Uint8Array, io: Io): Promise<void> {
  io.write('stdout', data);
  await io.ready();
}

function printSessions(sessions: readonly Session[], isJson: boolean, io: Io): void {
  if (isJson) {
    for (const session of sessions) io.write('stdout', `${JSON.stringify(session)}\n`);
    return;
  }
  if (sessions.length === 0) {
    io.write('stderr', 'There are no sessions yet: aw session create\n');
    return;
  }
  const rows = sessions.map(({ id, status, createdAt, lastEventId, title }) => [
    id,
    status,
    createdAt.replace('T', ' ').replace(/\.\d+Z$/, 'Z'),
    String(lastEventId),
    title ?? '',
  ]);
  const lines = tableLines(['session', 'status', 'created', 'events', 'title'], rows, io.stdout.paint);
  io.write('stdout', `${lines.join('\n')}\n`);
}
