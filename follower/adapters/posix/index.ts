/**
 * Linux and macOS. A command is spawned as it is; no shell reads it.
 *
 * `--shell X` with a command: the program is looked up here all the same and X replaces itself by it, so that it starts
 * as X starts programs (its environment rules, its handling of files without `#!`).
 */
import type { ShellName } from '../../../contract/names.ts';
import { LINUX_STRING_BYTES } from '../checks.ts';
import { isPowerShell, runPowerShell, runsInPowerShell } from '../powershell-commands.ts';
import { fileOf } from '../resolve.ts';
import { shellPath, unsupported } from '../shells.ts';
import type { CommandSpec, HostFacts, Invocation } from '../types.ts';
import { findOnPosix } from './lookup.ts';
import { execArgs, isPosixShell, type PosixShell, scriptArgs, scriptFileArgs } from './shells.ts';

export function posixInvocation(spec: CommandSpec, facts: HostFacts): Invocation {
  const { command } = spec;
  if (command.kind === 'argv') return runArgv(spec, command.argv, facts);
  const shell = spec.shell ?? spec.loginShell;
  if (isPowerShell(shell)) return runPowerShell(spec, facts);
  return runScript(posixShell(shell, facts), command.script, command.args ?? [], facts);
}

function runArgv(spec: CommandSpec, argv: readonly string[], facts: HostFacts): Invocation {
  const [name = '', ...args] = argv;
  if (spec.shell !== undefined) shellPath(spec.shell, facts);
  const lookup = findOnPosix(name, facts);
  if (runsInPowerShell(name, lookup, spec, facts)) return runPowerShell(spec, facts);
  const file = fileOf(name, lookup, facts);
  if (spec.shell === undefined || isPowerShell(spec.shell))
    return { file, args, argv0: name, env: facts.env, cwd: facts.cwd };
  const shell = posixShell(spec.shell, facts);
  return withShell(shell, execArgs(shell, file, args), facts);
}

function runScript(shell: PosixShell, script: string, args: readonly string[], facts: HostFacts): Invocation {
  if (Buffer.byteLength(script) < LINUX_STRING_BYTES)
    return withShell(shell, scriptArgs(shell, script, args), facts);
  const name = 'script';
  return {
    ...withShell(shell, scriptFileArgs(shell, `${facts.scratch}/${name}`, args), facts),
    files: [{ name, content: Buffer.from(script) }],
  };
}

function withShell(shell: PosixShell, args: readonly string[], facts: HostFacts): Invocation {
  const file = shellPath(shell, facts);
  // BusyBox learns from its name, or else from its first argument, which of its programs it is.
  const applet = file.endsWith('/busybox') ? [shell] : [];
  return { file, args: [...applet, ...args], env: facts.env, cwd: facts.cwd };
}

function posixShell(shell: ShellName, facts: HostFacts): PosixShell {
  if (!isPosixShell(shell)) throw unsupported(shell, `it does not run on ${facts.os}`, facts);
  shellPath(shell, facts);
  return shell;
}
