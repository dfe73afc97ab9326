/** Which modules Windows PowerShell finds. */
import { windowsVariable, withWindowsVariable } from '../windows/lookup.ts';

/** A directory of PowerShell 7: `...\PowerShell\7\Modules`, `...\PowerShell\Modules`, the Store's `Microsoft.PowerShell_7.6...`. */
const OF_POWERSHELL_7 = /[\\/](?:PowerShell|Microsoft\.PowerShell(?:Preview)?_[^\\/]*)[\\/]/i;

/**
 * The environment for Windows PowerShell 5.1: without the directories that a PowerShell 7 somewhere above added to
 * PSModulePath, because 5.1 would take its own cmdlets (`Get-FileHash`) from modules that it cannot load. With nothing
 * left the variable goes, and 5.1 makes its own.
 */
export function windowsPowerShellEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const inherited = windowsVariable(env, 'PSModulePath');
  if (inherited === undefined) return { ...env };
  const own = inherited.split(';').filter(entry => entry !== '' && !OF_POWERSHELL_7.test(`${entry}\\`));
  const { PSModulePath: _, ...rest } = withWindowsVariable(env, 'PSModulePath', '');
  return own.length === 0 ? rest : { ...rest, PSModulePath: own.join(';') };
}
