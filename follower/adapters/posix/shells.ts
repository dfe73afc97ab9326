/**
 * How each POSIX-like shell is started for one command. No start-up file is read: the login environment was captured
 * once and is in place already, a second reading would print, cost time and (macOS path_helper) reorder PATH.
 *
 * The user's words are always positional parameters, never shell text.
 */
import type { ShellName } from '../../../contract/names.ts';

export type PosixShell = Exclude<ShellName, 'pwsh' | 'powershell' | 'cmd'>;

/** `bash -c` reads ~/.bashrc when stdin is a socket or SSH_CLIENT is set; zsh reads .zshenv and fish its config always. */
const NO_STARTUP: Record<PosixShell, readonly string[]> = {
  sh: [],
  bash: ['--norc', '--noprofile'],
  dash: [],
  zsh: ['-f'],
  mksh: [],
  ash: [],
  fish: ['--no-config'],
};

export function isPosixShell(shell: ShellName): shell is PosixShell {
  return Object.hasOwn(NO_STARTUP, shell);
}

/**
 * Arguments that make the shell replace itself by a program. `program` must not begin with `-` (dash has no
 * `exec --`); an absolute path also cannot meet an alias or a function. Then `argv0` is that path.
 */
export function execArgs(shell: PosixShell, program: string, args: readonly string[]): string[] {
  if (shell === 'fish') return [...NO_STARTUP.fish, '-c', 'exec $argv', '--', program, ...args];
  // -p: no functions from the environment, so that `exec` is the builtin; and no BASH_ENV.
  const guard = shell === 'bash' ? ['-p'] : [];
  return [...NO_STARTUP[shell], ...guard, '-c', 'exec "$0" "$@"', program, ...args];
}

/** Arguments that run a script given as text; `args` become `$1`... (fish: `$argv`), and `$0` is the shell's name. */
export function scriptArgs(shell: PosixShell, script: string, args: readonly string[]): string[] {
  if (shell === 'fish') return [...NO_STARTUP.fish, '-c', script, '--', ...args];
  return [...NO_STARTUP[shell], '-c', '--', script, shell, ...args];
}

/** Arguments that run a script from a file, given by its absolute path, which is also `$0`. */
export function scriptFileArgs(shell: PosixShell, path: string, args: readonly string[]): string[] {
  return [...NO_STARTUP[shell], path, ...args];
}
