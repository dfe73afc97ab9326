/** The shells of this machine. */
import { accessSync, constants, statSync } from 'node:fs';
import type { Os, ShellName } from '../../contract/names.ts';
import type { HostFacts } from '../adapters/types.ts';
import { findOnWindows, windowsVariable } from '../adapters/windows/lookup.ts';

const POSIX_SHELLS: readonly ShellName[] = ['sh', 'bash', 'dash', 'zsh', 'mksh', 'fish', 'ash', 'pwsh'];
/** Where shells are when PATH does not say: the system, Homebrew on both kinds of Mac, MacPorts, NixOS. */
const POSIX_DIRECTORIES = [
  '/bin',
  '/usr/bin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/opt/local/bin',
  '/run/current-system/sw/bin',
];

/**
 * Absolute paths by name. `sh` is the system's; the others are what PATH finds first, then the usual places. Relative
 * entries of PATH do not count. On Windows `bash` is never the one of System32 or WindowsApps, which starts a Linux of its own.
 *
 * @param isProgram whether a path is a file that can be executed.
 */
export function findShells(
  os: Os,
  env: Readonly<Record<string, string | undefined>>,
  isProgram: (path: string) => boolean = isExecutableFile,
): Partial<Record<ShellName, string>> {
  return os === 'windows' ? windowsShells(env, isProgram) : posixShells(env, isProgram);
}

type Shells = Partial<Record<ShellName, string>>;

function posixShells(
  env: Readonly<Record<string, string | undefined>>,
  isProgram: (path: string) => boolean,
): Shells {
  const onPath = (env.PATH ?? '').split(':').filter(directory => directory.startsWith('/'));
  const found: Shells = {};
  for (const name of POSIX_SHELLS) {
    const directories = name === 'sh' ? POSIX_DIRECTORIES : [...onPath, ...POSIX_DIRECTORIES];
    const path = directories.map(directory => `${directory.replace(/\/+$/, '')}/${name}`).find(isProgram);
    if (path !== undefined) found[name] = path;
  }
  return found;
}

function windowsShells(
  environment: Readonly<Record<string, string | undefined>>,
  isProgram: (path: string) => boolean,
): Shells {
  const env = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const system = `${windowsVariable(env, 'SystemRoot') || 'C:\\Windows'}\\System32`;
  const programs = windowsVariable(env, 'ProgramFiles') || 'C:\\Program Files';
  const startsLinux = (path: string) =>
    /\\(?:system32|sysnative|syswow64|windowsapps)\\(?:ba)?sh\.exe$/i.test(path);
  const facts: HostFacts = {
    os: 'windows',
    env,
    cwd: system,
    shells: {},
    scratch: system,
    probe: path => (isProgram(path) && !startsLinux(path) ? 'executable' : 'missing'),
    readText: () => undefined,
  };
  const found: Shells = {};
  for (const [name, usual] of [
    ['cmd', `${system}\\cmd.exe`],
    ['powershell', `${system}\\WindowsPowerShell\\v1.0\\powershell.exe`],
    ['pwsh', `${programs}\\PowerShell\\7\\pwsh.exe`],
    ['bash', `${programs}\\Git\\bin\\bash.exe`],
    ['sh', `${programs}\\Git\\bin\\sh.exe`],
    ['zsh', undefined],
    ['fish', undefined],
  ] as const) {
    const onPath = findOnWindows(`${name}.exe`, facts);
    if (usual !== undefined && isProgram(usual)) found[name] = usual;
    else if (onPath.kind === 'found') found[name] = onPath.file;
  }
  return found;
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
