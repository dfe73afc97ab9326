/** Running invocations of this machine's own shells: what the tests of the adapters really start. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShellName } from '../../contract/names.ts';
import { adapt } from '../../follower/adapters/index.ts';
import type { CommandSpec, HostFacts, Invocation, PathKind } from '../../follower/adapters/types.ts';
import { requires, which } from '../support/require.ts';

export type TestedShell = Extract<ShellName, 'sh' | 'bash' | 'dash' | 'zsh' | 'mksh' | 'ash' | 'fish'>;
const TESTED: readonly TestedShell[] = ['sh', 'bash', 'dash', 'zsh', 'mksh', 'ash', 'fish'];

export interface Outcome {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface Bench {
  /** Holds everything; gone after `remove`. */
  dir: string;
  facts: HostFacts;
  /** The tested shells this machine has. */
  shells: readonly TestedShell[];
  /** Adapts the command for this machine and runs it to its end. */
  run(spec: Omit<CommandSpec, 'loginShell'>, change?: Partial<HostFacts>): Promise<Outcome>;
  remove(): void;
}

/** A directory with a working directory, a scratch directory and an empty home. Shells that are missing are left out by name. */
export function makeBench(): Bench {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-adapters-')));
  for (const name of ['cwd', 'scratch', 'home', 'bin']) mkdirSync(join(dir, name));
  const found = new Map(TESTED.map(shell => [shell, locate(shell, dir)]));
  const shells = TESTED.filter(shell => requires(shell, found.get(shell) !== undefined));
  const facts: HostFacts = {
    os: process.platform === 'darwin' ? 'macos' : 'linux',
    env: { PATH: process.env.PATH ?? '', HOME: join(dir, 'home'), LANG: 'C.UTF-8' },
    cwd: join(dir, 'cwd'),
    scratch: join(dir, 'scratch'),
    shells: Object.fromEntries(shells.map(shell => [shell, found.get(shell)])),
    probe,
    readText: path => readFileSync(path, 'utf8'),
  };
  return {
    dir,
    facts,
    shells,
    run: (spec, change) =>
      start(adapt({ ...spec, loginShell: 'sh' }, { ...facts, ...change }), facts.scratch),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** The strings a child printed, each ended by a NUL. */
export function nulTerminated(output: Buffer): string[] {
  const words = output.toString('utf8').split('\0');
  if (words.pop() !== '')
    throw new Error(`not ended by NUL: ${JSON.stringify(output.toString('utf8').slice(-200))}`);
  return words;
}

async function start(invocation: Invocation, scratch: string): Promise<Outcome> {
  for (const { name, content } of invocation.files ?? []) writeFileSync(join(scratch, name), content);
  const child = spawn(invocation.file, invocation.args, {
    argv0: invocation.argv0 ?? invocation.file,
    cwd: invocation.cwd,
    env: { ...invocation.env },
    // Node's pipes are sockets, at which bash reads ~/.bashrc unless told not to.
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsVerbatimArguments: invocation.verbatim ?? false,
  });
  child.stdin.end();
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', chunk => stdout.push(chunk));
  child.stderr.on('data', chunk => stderr.push(chunk));
  const [code] = await once(child, 'close');
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

function probe(path: string): PathKind {
  try {
    if (statSync(path).isDirectory()) return 'directory';
  } catch {
    return 'missing';
  }
  try {
    accessSync(path, constants.X_OK);
    return 'executable';
  } catch {
    return 'denied';
  }
}

/** BusyBox is ash under that name only. */
function locate(shell: TestedShell, dir: string): string | undefined {
  const path = which(shell);
  const busybox = shell === 'ash' && path === undefined ? which('busybox') : undefined;
  if (busybox === undefined) return path;
  symlinkSync(busybox, join(dir, 'bin/ash'));
  return join(dir, 'bin/ash');
}
