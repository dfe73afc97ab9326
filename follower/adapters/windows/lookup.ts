/** Finding programs on Windows: PATH and PATHEXT as cmd.exe reads them, limited to what can be started faithfully. */
import { win32 } from 'node:path';
import { show } from '../../../contract/errors.ts';
import type { Lookup } from '../resolve.ts';
import type { HostFacts } from '../types.ts';

/**
 * What CreateProcess or cmd.exe starts by itself. PATHEXT may list more (.JS, .VBS, .PY, and .PS1 by mistake); those
 * are opened with whatever program is registered for them, which receives the arguments in its own way.
 */
const RUNNABLE = ['.com', '.exe', '.bat', '.cmd'];

/** The value of a variable whose name Windows compares without case. */
export function windowsVariable(env: Readonly<Record<string, string>>, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return Object.entries(env).find(([key]) => key.toLowerCase() === wanted)?.[1];
}

/** The environment with one variable set, whatever the case of the name it had. */
export function withWindowsVariable(
  env: Readonly<Record<string, string>>,
  name: string,
  value: string,
): Record<string, string> {
  const wanted = name.toLowerCase();
  return {
    ...Object.fromEntries(Object.entries(env).filter(([key]) => key.toLowerCase() !== wanted)),
    [name]: value,
  };
}

/** The absolute entries of PATH. An entry may be quoted, and then hold a semicolon. */
function searchPath(env: Readonly<Record<string, string>>): string[] {
  const entries = (windowsVariable(env, 'PATH') ?? '').match(/(?:"[^"]*"?|[^;"])+/g) ?? [];
  return entries.map(entry => entry.replaceAll('"', '').trim()).filter(isAbsolute);
}

/** The lower-case extension with its dot, of a name as Windows opens it. */
export function extensionOf(name: string): string {
  return win32.extname(name).toLowerCase();
}

/** Looks a name up in PATH, or, when it has a directory, where it says. `first` are directories to try before PATH. */
export function findOnWindows(name: string, facts: HostFacts, first: readonly string[] = []): Lookup {
  if (name === '') return { kind: 'missing', searched: 'nothing: the name is empty' };
  const found = search(windowsCandidates(name, facts, first), facts);
  return found ?? { kind: 'missing', searched: windowsSearched(name, facts, first) };
}

/** The files a name may stand for, before PATHEXT. None for a path that is neither absolute nor of the working directory. */
export function windowsCandidates(name: string, facts: HostFacts, first: readonly string[] = []): string[] {
  if (!hasDirectory(name))
    return [...first, ...searchPath(facts.env)].map(directory => win32.join(directory, name));
  const path = absolutePath(name, facts.cwd);
  return path === undefined ? [] : [path];
}

/** Where a name was looked for, for a person. */
export function windowsSearched(name: string, facts: HostFacts, first: readonly string[] = []): string {
  if (hasDirectory(name)) {
    const path = absolutePath(name, facts.cwd);
    return path === undefined
      ? 'nothing: a path is absolute or relative to the working directory'
      : show(path, 300);
  }
  const directories = [...first, ...searchPath(facts.env)];
  return directories.length === 0 ? 'nothing: PATH is empty' : show(directories.join(';'), 1000);
}

function hasDirectory(name: string): boolean {
  return /[\\/:]/.test(name);
}

/** A path as typed, made absolute. Undefined for `D:name`, which depends on a current directory of that drive. */
function absolutePath(name: string, cwd: string): string | undefined {
  const path = name.replaceAll('/', '\\');
  const drive = /^[A-Za-z]:/.test(path) ? 2 : 0;
  if (path.includes(':', drive)) return undefined;
  if (isAbsolute(path)) return win32.normalize(path);
  if (drive > 0) return undefined;
  return path.startsWith('\\') ? win32.join(win32.parse(cwd).root, path) : win32.join(cwd, path);
}

function isAbsolute(path: string): boolean {
  return /^(?:[A-Za-z]:[\\/]|[\\/]{2}[^\\/])/.test(path);
}

/** The first file that runs, else the first that is there but does not. Each base is tried as it is and with PATHEXT. */
function search(bases: readonly string[], facts: HostFacts): Lookup | undefined {
  const extensions = pathExtensions(facts.env);
  let unusable: Lookup | undefined;
  for (const base of bases) {
    const runnable = RUNNABLE.includes(extensionOf(base));
    const candidates = extensions.map(extension => base + extension);
    for (const file of runnable ? [base, ...candidates] : candidates) {
      const kind = facts.probe(file);
      if (kind === 'executable') return { kind: 'found', file };
      if (kind === 'denied') unusable ??= { kind: 'unusable', file, reason: 'access is denied' };
    }
    if (runnable) continue;
    const kind = facts.probe(base);
    if (kind === 'executable' || kind === 'denied')
      unusable ??= {
        kind: 'unusable',
        file: base,
        reason: `Windows runs only ${RUNNABLE.join(', ')} by themselves`,
      };
    if (kind === 'directory') unusable ??= { kind: 'unusable', file: base, reason: 'it is a directory' };
  }
  return unusable;
}

function pathExtensions(env: Readonly<Record<string, string>>): string[] {
  const listed = (windowsVariable(env, 'PATHEXT') ?? '')
    .split(';')
    .map(extension => extension.trim().toLowerCase())
    .filter(extension => RUNNABLE.includes(extension));
  return listed.length > 0 ? listed : RUNNABLE;
}
