/** The shells of one machine. */
import { AwError } from '../../contract/errors.ts';
import type { ShellName } from '../../contract/names.ts';
import type { HostFacts } from './types.ts';

/**
 * The absolute path of a shell.
 * @throws AW_SHELL_UNSUPPORTED when the machine does not have it
 */
export function shellPath(shell: ShellName, facts: HostFacts): string {
  const path = facts.shells[shell];
  if (path === undefined) throw unsupported(shell, 'it is not installed on this host', facts);
  return path;
}

export function unsupported(shell: ShellName, reason: string, facts: HostFacts): AwError {
  const available = Object.keys(facts.shells).sort().join(', ') || '(none)';
  return new AwError('AW_SHELL_UNSUPPORTED', { shell, reason, available });
}
