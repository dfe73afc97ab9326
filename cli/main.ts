/** `aw`: the commands, each loaded only when it is called. */
import { VERSION } from '../contract/version.ts';
import { runCommandLine } from './command-line.ts';
import { type CommandRun, usage } from './options/command.ts';
import type { Io } from './terminal/io.ts';

interface Entry {
  summary: string;
  load(): Promise<{ run: CommandRun }>;
}

const commands: Readonly<Record<string, Entry>> = {
  'agent run-everywhere': {
    summary: 'run one command on every follower',
    load: () => import('./commands/run-everywhere.ts'),
  },
  'agent runs': {
    summary: 'list, attach to or cancel runs',
    load: () => import('./commands/runs.ts'),
  },
  'agent followers': {
    summary: 'list, examine, install or stop followers',
    load: () => import('./commands/followers.ts'),
  },
  'agent fs-snapshot-and-sync': {
    summary: 'freeze this project and make every follower equal to it; for programs',
    load: () => import('./commands/fs-snapshot-and-sync.ts'),
  },
  'agent fleet': {
    summary: 'start, look at or end the resident leader, which keeps connections',
    load: () => import('./commands/fleet.ts'),
  },
  'agent snapshot': {
    summary: 'freeze this project, and list or delete what was frozen',
    load: () => import('./commands/snapshot.ts'),
  },
  session: {
    summary: 'create and read sessions of the service',
    load: () => import('./commands/session.ts'),
  },
  serve: {
    summary: 'start the service: REST, events over SSE, SQLite',
    load: () => import('./commands/serve.ts'),
  },
  demo: {
    summary: 'see all of it work on this machine in a few seconds',
    load: () => import('./commands/demo.ts'),
  },
  version: {
    summary: 'print the version',
    load: () => import('./commands/version.ts'),
  },
};

/** @param argv what stands behind `aw`. Resolves to the exit code. */
export function main(argv: string[]): Promise<number> {
  return runCommandLine(dispatch, 'aw', argv);
}

/** @throws AW_USAGE when `argv` names no command. */
export const dispatch: CommandRun = async (_name, argv, io) => {
  if (argv[0] === 'help') return dispatch('aw', [...argv.slice(1), '--help'], io);
  const words = Object.keys(commands).find(each => startsWith(argv, each));
  if (words !== undefined) {
    const { run } = await commands[words]!.load();
    return run(`aw ${words}`, argv.slice(words.split(' ').length), io);
  }
  const group = argv[0] === 'agent' ? 'agent' : '';
  const rest = group === '' ? argv : argv.slice(1);
  if (rest[0] === '--help' || rest[0] === '-h') return printOverview(group, io);
  if (group === '' && (rest[0] === '--version' || rest[0] === '-V')) {
    io.write('stdout', `${VERSION}\n`);
    return 0;
  }
  throw usage(
    group === '' ? 'aw' : 'aw agent',
    rest[0] === undefined ? `say which: ${choices(group)}` : unknown(rest[0], group),
  );
};

function startsWith(argv: readonly string[], words: string): boolean {
  return words.split(' ').every((word, index) => argv[index] === word);
}

/** The commands below `group`; all of them for the empty one. */
function below(group: string): string[] {
  return Object.keys(commands).filter(words => group === '' || words.startsWith(`${group} `));
}

function choices(group: string): string {
  return below(group)
    .map(words => `aw ${words}`)
    .join(', ');
}

function unknown(word: string, group: string): string {
  const wanted = below(group).find(words => words.split(' ').at(-1) === word);
  const hint = wanted === undefined ? `there is ${choices(group)}` : `did you mean aw ${wanted}?`;
  return `there is no command ${JSON.stringify(word)}; ${hint}`;
}

function printOverview(group: string, io: Io): number {
  const names = below(group);
  const width = Math.max(...names.map(words => words.length));
  const { paint } = io.stdout;
  const lines = [
    `Usage: aw ${group === '' ? '' : `${group} `}COMMAND [options]`,
    '',
    'Run one command on every follower - Linux, macOS, Windows - and see at once where it fails.',
    '',
    ...names.map(words => `  ${paint('bold', `aw ${words.padEnd(width)}`)}  ${commands[words]!.summary}`),
    '',
    'Exit codes: 0 passed everywhere, 1 failed on a host, 2 usage or configuration, 3 fence,',
    '            4 host or agent not reached, 124 timeout, 130 cancelled, 141 the reader of stdout has gone.',
    '',
    'Examples:',
    '  aw demo                                    watch it work',
    '  aw agent run-everywhere -- npm test        the tests, on every follower',
    '  aw agent run-everywhere --help             all about that',
  ];
  io.write('stdout', `${lines.join('\n')}\n`);
  return 0;
}
