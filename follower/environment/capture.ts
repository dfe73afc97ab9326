/** Asking a login shell for its environment. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Os } from '../../contract/names.ts';
import { quoteFish, quotePosix } from '../adapters/posix/quote.ts';
import type { PosixShell } from '../adapters/posix/shells.ts';
import { startProbe } from './probe.ts';

/** More than any kernel lets a process have. */
const MAX_ENVIRONMENT = 16 * 1024 * 1024;

/** Shells that take no `-l`, or not everywhere (dash before 0.5.11), are made login shells by their name, as login(1) does it. */
const BY_NAME: ReadonlySet<PosixShell> = new Set<PosixShell>(['sh', 'dash', 'ash']);

/** What is set only while start-up files run: nothing that draws, updates itself, or takes over the terminal. */
export const CAPTURE_VARIABLES: Readonly<Record<string, string>> = {
  TERM: 'dumb',
  AW_RESOLVING_ENVIRONMENT: '1',
  DISABLE_AUTO_UPDATE: 'true',
  ZSH_TMUX_AUTOSTART: 'false',
};

export interface Capture {
  shell: PosixShell;
  /** Absolute path of the shell. */
  file: string;
  interactive: boolean;
  os: Os;
  /** What the shell starts with. */
  env: Readonly<Record<string, string>>;
  home: string;
  timeoutMs: number;
  /** Where the answer may stand for a moment: it holds every secret of the user's environment. */
  scratch: string;
}

/** What the shell's children would inherit, each value as its bytes; or why that is not known. */
export type Captured = { variables: [string, Buffer][] } | { reason: string };

/**
 * Runs the shell as a login shell in a session of its own, without terminal and input, and has it start a program that writes
 * its environment to a file nobody else can reach: what start-up files print, and which descriptors they use, does not matter.
 */
export async function capture(options: Capture): Promise<Captured> {
  const directory = await mkdtemp(join(options.scratch, 'aw-environment-'));
  try {
    const file = join(directory, 'environment');
    const { reason, isLate } = await runShell(options, file);
    // What a shell says that was told to end is of a login that was cut short.
    const bytes = isLate ? Buffer.alloc(0) : await readAnswer(file);
    return bytes.at(-1) === 0 ? { variables: parseVariables(bytes) } : { reason };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Resolves when the shell has ended, with the reason should there be no answer. */
async function runShell(options: Capture, output: string): Promise<{ reason: string; isLate: boolean }> {
  const { shell, file, home, interactive, timeoutMs } = options;
  const byName = BY_NAME.has(shell);
  const args = [
    ...(byName ? [] : ['-l']),
    ...(interactive ? ['-i'] : []),
    '-c',
    dumpCommand(options, output),
  ];
  const atHome = await stat(home).then(
    found => found.isDirectory(),
    () => false,
  );
  const { ended } = startProbe(
    file,
    args,
    { argv0: byName ? `-${shell}` : shell, cwd: atHome ? home : '/', env: options.env, stdio: 'ignore' },
    timeoutMs,
  );
  const how = await ended;
  if (how === 'timeout') {
    return { reason: `its start-up files took longer than ${timeoutMs / 1000} s`, isLate: true };
  }
  if ('error' in how) return { reason: how.error, isLate: false };
  const by = 'code' in how ? `with code ${how.code}` : `by ${how.signal}`;
  return {
    reason: `it ended ${by} before it could be asked (exit or exec in a start-up file?)`,
    isLate: false,
  };
}

/**
 * Every word quoted, so that no alias applies; absolute paths, because start-up files may change directory and PATH. macOS takes
 * Node: it strips `DYLD_*` from what its own programs pass on, and its env(1) lacks `-0` on older releases.
 */
function dumpCommand({ os, shell }: Capture, output: string): string {
  const quote = shell === 'fish' ? quoteFish : quotePosix;
  const words = os === 'macos' ? [process.execPath, '-e', NODE_DUMP, output] : ['/usr/bin/env', '-0'];
  const command = words.map(quote).join(' ');
  return os === 'macos' ? command : `${command} > ${quote(output)}`;
}

const NODE_DUMP =
  'require("fs").writeFileSync(process.argv[1], Object.entries(process.env).map(([k, v]) => `${k}=${v}\\0`).join(""))';

async function readAnswer(path: string): Promise<Buffer> {
  const size = await stat(path).then(
    found => found.size,
    () => 0,
  );
  if (size > MAX_ENVIRONMENT) throw new Error(`it has more than ${MAX_ENVIRONMENT} bytes of variables`);
  return size === 0 ? Buffer.alloc(0) : readFile(path);
}

/** `NAME=value\0...`; entries without a name are no variables. */
function parseVariables(bytes: Buffer): [string, Buffer][] {
  const variables: [string, Buffer][] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    const entry = bytes.subarray(start, end === -1 ? bytes.length : end);
    const equals = entry.indexOf(0x3d, 1);
    if (equals !== -1) variables.push([entry.toString('utf8', 0, equals), entry.subarray(equals + 1)]);
    start += entry.length + 1;
  }
  return variables;
}
