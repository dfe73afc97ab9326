/** Which commands only PowerShell can run: its cmdlets, aliases and `.ps1` files. Programs never go through it. */
import type { ShellName } from '../../contract/names.ts';
import { posixCandidates, posixSearched } from './posix/lookup.ts';
import { powershellInvocation } from './powershell/index.ts';
import { fileOf, type Lookup } from './resolve.ts';
import { shellPath } from './shells.ts';
import type { CommandSpec, HostFacts, Invocation } from './types.ts';
import { windowsCandidates, windowsSearched } from './windows/lookup.ts';

/** The approved verbs, and those of the built-in cmdlets that are not. `docker-compose` is no cmdlet. */
const VERBS = new Set(
  (
    'add approve assert backup block build checkpoint clear close compare complete compress confirm connect convert ' +
    'convertfrom convertto copy debug deny deploy disable disconnect dismount edit enable enter exit expand export find ' +
    'foreach format get grant group hide import initialize install invoke join limit lock measure merge mount move new ' +
    'open optimize out ping pop protect publish push read receive redo register remove rename repair request reset ' +
    'resize resolve restart restore resume revoke save search select send set show skip sort split start step stop ' +
    'submit suspend switch sync tee test trace unblock undo uninstall unlock unprotect unpublish unregister update use ' +
    'wait watch where write'
  ).split(' '),
);

/** Aliases and functions of a fresh session on Windows, in 5.1 and 7 alike. */
const ALIASES = new Set(
  (
    '% ? ac cat cd chdir clc clear clhy cli clp cls clv cnsn compare copy cp cpi cpp cvpa dbp del diff dir dnsn ebp echo ' +
    'epal epcsv erase etsn exsn fc fhx fl foreach ft fw gal gbp gc gci gcm gcs gdr gerr ghy gi gin gjb gl gm gmo gp gps ' +
    'gpv group gsn gsv gtz gu gv h help history icm iex ihy ii ipal ipcsv ipmo irm iwr kill ls man md measure mi mkdir ' +
    'mount move mp mv nal ndr ni nmo nsn nv ogv oh popd ps pushd pwd r rbp rcjb rcsn rd rdr ren ri rjb rm rmdir rmo rni ' +
    'rnp rp rsn rv rvpa sajb sal saps sasv sbp select set shcm si sl sleep sls sort sp spjb spps spsv start sv tee type ' +
    'where wjb write'
  ).split(' '),
);

export function isPowerShell(shell: ShellName): shell is 'pwsh' | 'powershell' {
  return shell === 'pwsh' || shell === 'powershell';
}

/** A `Verb-Noun` with a known verb, or a built-in alias. */
export function looksLikeCmdlet(name: string): boolean {
  const verb = /^([A-Za-z]+)-[A-Za-z]\w*$/.exec(name)?.[1];
  return verb === undefined ? ALIASES.has(name.toLowerCase()) : VERBS.has(verb.toLowerCase());
}

/**
 * Whether this command is PowerShell's. With `--shell pwsh` everything is that is no program; on Windows an alias then
 * wins over a program, as it does in PowerShell itself. Without `--shell` only what is plainly PowerShell's, where
 * PowerShell is at home: on Windows, or when it is the login shell.
 */
export function runsInPowerShell(name: string, lookup: Lookup, spec: CommandSpec, facts: HostFacts): boolean {
  if (chosenPowerShell(spec, facts) === undefined) return false;
  const isScript = /\.ps1$/i.test(name);
  if (spec.shell !== undefined) {
    const isAlias = facts.os === 'windows' && ALIASES.has(name.toLowerCase());
    return isScript || isAlias || (lookup.kind !== 'found' && !/[\\/]/.test(name));
  }
  return isScript || (lookup.kind !== 'found' && looksLikeCmdlet(name));
}

/**
 * Hands the command to PowerShell, a `.ps1` by its absolute path.
 * @throws AW_SHELL_UNSUPPORTED, AW_CMD_NOT_FOUND for a `.ps1` that is not there
 */
export function runPowerShell(spec: CommandSpec, facts: HostFacts): Invocation {
  const shell = chosenPowerShell(spec, facts) ?? spec.shell ?? spec.loginShell;
  shellPath(shell, facts);
  const { command } = spec;
  if (command.kind === 'script' || !/\.ps1$/i.test(command.argv[0] ?? ''))
    return powershellInvocation({ ...spec, shell }, facts);
  const [name = '', ...args] = command.argv;
  const argv = [fileOf(name, findScript(name, facts), facts), ...args];
  return powershellInvocation({ ...spec, shell, command: { ...command, argv } }, facts);
}

/** The PowerShell this command would go to; undefined when another shell was asked for or there is none. */
function chosenPowerShell(spec: CommandSpec, facts: HostFacts): 'pwsh' | 'powershell' | undefined {
  if (spec.shell !== undefined) return isPowerShell(spec.shell) ? spec.shell : undefined;
  if (isPowerShell(spec.loginShell)) return spec.loginShell;
  if (facts.os !== 'windows') return undefined;
  return (['pwsh', 'powershell'] as const).find(shell => facts.shells[shell] !== undefined);
}

/** A `.ps1` needs no execute permission. A bare name is looked up in PATH, never in the working directory. */
function findScript(name: string, facts: HostFacts): Lookup {
  const isWindows = facts.os === 'windows';
  const candidates = isWindows ? windowsCandidates(name, facts) : posixCandidates(name, facts);
  const file = candidates.find(path => ['executable', 'denied'].includes(facts.probe(path)));
  if (file !== undefined) return { kind: 'found', file };
  return { kind: 'missing', searched: isWindows ? windowsSearched(name, facts) : posixSearched(name, facts) };
}
