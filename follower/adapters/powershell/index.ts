/**
 * PowerShell: its cmdlets, functions, aliases, `.ps1` files and scripts, never programs. Windows PowerShell 5.1 and PowerShell 7
 * on any OS get the same: a script file of our own, in which every argument stands as a literal.
 */
import { posix, win32 } from 'node:path';
import { shellPath } from '../shells.ts';
import type { CommandSpec, HostFacts, Invocation } from '../types.ts';
import { windowsPowerShellEnvironment } from './module-path.ts';
import { commandRunner, scriptRunner, usesInput } from './runner.ts';

export { quotePowerShell } from './quote.ts';

const RUNNER = 'run.ps1';
const SWITCHES = ['-NoProfile', '-NonInteractive', '-NoLogo', '-ExecutionPolicy', 'Bypass', '-File'];
/** Without it Windows PowerShell reads the file in the machine's old code page. */
const BYTE_ORDER_MARK = '\ufeff';

/**
 * The command or script run by `spec.shell`, or else by `spec.loginShell`, which must be a PowerShell. A `.ps1` is given by its
 * absolute path. Exit codes: `exit n` and what `$LASTEXITCODE` holds at the end as they are, 1 for an error that ends the script or
 * is its last statement, 127 for a command that there is not.
 * @throws AW_SHELL_UNSUPPORTED when the machine does not have that shell
 */
export function powershellInvocation(spec: CommandSpec, facts: HostFacts): Invocation {
  const shell = spec.shell ?? spec.loginShell;
  const file = shellPath(shell, facts);
  const { join } = facts.os === 'windows' ? win32 : posix;
  return {
    file,
    args: [...SWITCHES, join(facts.scratch, RUNNER)],
    env: shell === 'powershell' ? windowsPowerShellEnvironment(facts.env) : facts.env,
    cwd: facts.cwd,
    files: [{ name: RUNNER, content: Buffer.from(BYTE_ORDER_MARK + runnerFor(spec, facts)) }],
  };
}

function runnerFor({ command }: CommandSpec, facts: HostFacts): string {
  if (command.kind === 'script') return scriptRunner(command.script, command.args ?? []);
  const [name = '', ...args] = command.argv;
  const isFile = /\.ps1$/i.test(name);
  return commandRunner(name, args, isFile && usesInput(facts.readText(name) ?? ''));
}
