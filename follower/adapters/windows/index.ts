/**
 * Windows. Programs are found by PATH and PATHEXT and started directly; npm-style shims become the program they stand
 * for; other batch files go through cmd.exe; cmdlets, aliases and `.ps1` files through PowerShell.
 *
 * `--shell X` with a command decides who is asked for names that are no program: cmd.exe, PowerShell, or a POSIX shell,
 * whose own directory (`C:\Program Files\Git\usr\bin`) then comes before PATH.
 */
import { win32 } from 'node:path';
import { runCmdBuiltin, runCmdScript } from '../batch/cmd.ts';
import { runBatchFile } from '../batch/index.ts';
import { execArgs, isPosixShell, type PosixShell, scriptArgs, scriptFileArgs } from '../posix/shells.ts';
import { isPowerShell, runPowerShell, runsInPowerShell } from '../powershell-commands.ts';
import { fileOf, isCmdBuiltin, type Lookup } from '../resolve.ts';
import { shellPath } from '../shells.ts';
import type { CommandSpec, HostFacts, Invocation } from '../types.ts';
import { extensionOf, findOnWindows } from './lookup.ts';
import { isMsysProgram, msysInvocation } from './msys.ts';

/** UTF-16 units; beyond this a script goes through a file. The whole command line may have 32,766. */
const INLINE_SCRIPT_UNITS = 16_000;

export function windowsInvocation(spec: CommandSpec, facts: HostFacts): Invocation {
  const { command } = spec;
  if (command.kind === 'argv') return runArgv(spec, command.argv, facts);
  const shell = spec.shell ?? spec.loginShell;
  if (isPowerShell(shell)) return runPowerShell(spec, facts);
  shellPath(shell, facts);
  if (isPosixShell(shell)) return runPosixScript(shell, command.script, command.args ?? [], facts);
  return runCmdScript(command.script, command.args ?? [], facts);
}

function runArgv(spec: CommandSpec, argv: readonly string[], facts: HostFacts): Invocation {
  const [name = '', ...args] = argv;
  const { shell } = spec;
  if (shell !== undefined) shellPath(shell, facts);
  if (shell === 'cmd' && isCmdBuiltin(name)) return runCmdBuiltin(name, args, facts);
  const posix = shell !== undefined && isPosixShell(shell) ? shell : undefined;
  const lookup = findOnWindows(name, facts, posix === undefined ? [] : directoriesOf(posix, facts));
  if (runsInPowerShell(name, lookup, spec, facts)) return runPowerShell(spec, facts);
  if (posix !== undefined && isForPosixShell(name, lookup))
    return msysInvocation(shellPath(posix, facts), execArgs(posix, name, args), facts);
  return runFile(fileOf(name, lookup, facts), args, facts);
}

function runFile(file: string, args: readonly string[], facts: HostFacts): Invocation {
  if (['.bat', '.cmd'].includes(extensionOf(file))) return runBatchFile(file, args, facts);
  if (isMsysProgram(file, facts)) return msysInvocation(file, args, facts);
  return { file, args, env: facts.env, cwd: facts.cwd };
}

/** A script with `#!` and no extension, such as `./configure`. A name that begins with `-` would be an option of `exec`. */
function isForPosixShell(name: string, lookup: Lookup): boolean {
  return lookup.kind !== 'found' && name !== '' && !name.startsWith('-');
}

/** Where the shell's own programs are: beside it, and for Git's `bin\bash.exe` in `usr\bin`. */
function directoriesOf(shell: PosixShell, facts: HostFacts): string[] {
  const own = win32.dirname(shellPath(shell, facts));
  return [own, win32.join(own, '..', 'usr', 'bin')];
}

function runPosixScript(
  shell: PosixShell,
  script: string,
  args: readonly string[],
  facts: HostFacts,
): Invocation {
  const file = shellPath(shell, facts);
  if (script.length <= INLINE_SCRIPT_UNITS)
    return msysInvocation(file, scriptArgs(shell, script, args), facts);
  const name = 'script';
  const path = win32.join(facts.scratch, name).replaceAll('\\', '/');
  return {
    ...msysInvocation(file, scriptFileArgs(shell, path, args), facts),
    files: [{ name, content: Buffer.from(script) }],
  };
}
