/** The command line of `aw-follower`. */
import { parseArgs } from 'node:util';
import { AwError, asAwError } from '../contract/errors.ts';
import { VERSION } from '../contract/version.ts';

const HELP = `aw-follower: runs commands for a leader

  aw-follower serve [--state-dir DIR] [--socket PATH | --listen 127.0.0.1:PORT --token-file FILE] [--idle-exit SECONDS]
      The resident agent. Prints one line with its address when it is ready. SIGTERM ends it and its runs.
  aw-follower dial-stdio [--state-dir DIR] [--no-start]
      Connects stdin and stdout to the resident agent, and starts it if needed and allowed. This is what SSH runs.
  aw-follower doctor [--state-dir DIR] [--cwd DIR] [--json]
      Looks at everything a run on this machine needs. Exit code 4 when something is broken.
  aw-follower version

  --state-dir DIR       journals, lock and socket; default: AW_STATE_DIR, else this user's data directory
  --socket PATH         listen here; default: in the state directory
  --listen HOST:PORT    listen on TCP, loopback only; port 0 lets the system choose
  --token-file FILE     what every request over TCP must carry; only its owner may read it
  --idle-exit SECONDS   end after this long without a run or a connection

Exit codes: 0 ended as asked, 2 usage, 4 anything else. Errors are explained in docs/errors.md.
`;

export interface FollowerOptions {
  'state-dir'?: string;
  socket?: string;
  listen?: string;
  'token-file'?: string;
  'idle-exit'?: string;
  cwd?: string;
  json?: boolean;
  'no-start'?: boolean;
}

const options = {
  'state-dir': { type: 'string' },
  socket: { type: 'string' },
  listen: { type: 'string' },
  'token-file': { type: 'string' },
  'idle-exit': { type: 'string' },
  cwd: { type: 'string' },
  json: { type: 'boolean' },
  'no-start': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

interface Command {
  /** Each is loaded only when it is called: a bridge over SSH needs nothing of the agent. */
  load(): Promise<(options: FollowerOptions) => Promise<number>>;
  takes: readonly string[];
}

const commands: Readonly<Record<string, Command>> = {
  serve: {
    load: async () => (await import('./commands/serve.ts')).serve,
    takes: ['state-dir', 'socket', 'listen', 'token-file', 'idle-exit'],
  },
  'dial-stdio': {
    load: async () => (await import('./commands/dial-stdio.ts')).dialStdio,
    takes: ['state-dir', 'no-start'],
  },
  doctor: {
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
    takes: ['state-dir', 'cwd', 'json'],
  },
};

/** Runs one command of the CLI. Never throws: errors are printed. @returns the exit code. */
export async function main(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parse(argv);
    if (values.version === true || positionals[0] === 'version') return print(`${VERSION}\n`);
    if (values.help === true || positionals[0] === 'help') return print(HELP);
    const [name = '', ...rest] = positionals;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) throw usage(name === '' ? 'no command given' : `there is no command ${name}`);
    if (rest.length > 0) throw usage(`${name} takes no argument ${rest[0]}`);
    for (const option of Object.keys(values)) {
      if (!command.takes.includes(option)) throw usage(`${name} takes no --${option}`);
    }
    const run = await command.load();
    return await run(values);
  } catch (error) {
    const { code, message, remedy, exitCode } = asAwError(error);
    // In one line: whoever starts an agent shows the last line of its log.
    process.stderr.write(`aw-follower: ${code}: ${message}; ${remedy}\n`);
    return exitCode;
  }
}

function parse(argv: string[]) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: true });
  } catch (error) {
    throw usage((error as Error).message.split('. ')[0]!);
  }
}

function usage(problem: string): AwError {
  return new AwError('AW_USAGE', { problem, command: 'aw-follower' });
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
