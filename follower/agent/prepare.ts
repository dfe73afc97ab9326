/** From a request to an invocation: this machine's facts, put before the adapter. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { AwError } from '../../contract/errors.ts';
import type { RunRequest } from '../../contract/follower-api.ts';
import type { ShellName } from '../../contract/names.ts';
import type { HostFacts, Invocation, PathKind } from '../adapters/types.ts';
import { findShells } from '../environment/find-shells.ts';
import { type LoginEnvironment, loginEnvironment } from '../environment/login-environment.ts';
import { normalizeEnvironment } from '../environment/normalize.ts';
import { verifyDirectory } from '../path-mapping/verify-directory.ts';
import { type Machine, OS } from './machine.ts';

type Shells = HostFacts['shells'];

/** As much of a file as an adapter looks at. */
const TEXT_LIMIT = 64 * 1024;

/** @throws the AwError that says why the command cannot be run here as it was meant. */
export async function prepareRun(
  machine: Machine,
  request: RunRequest,
  scratch: string,
): Promise<Invocation> {
  const { command, shell, host } = request;
  const cwd = await verifyDirectory(request.cwd);
  const isMissing = [request.loginShell, shell].some(
    name => name !== undefined && machine.shells()[name] === undefined,
  );
  const shells = isMissing ? await allShells(machine) : machine.shells();
  const loginShell = chooseShell(shells, request.loginShell ?? machine.loginShell());
  // The adapters are loaded while the shell, asked for the first time, runs its start-up files.
  const [login, { adapt }] = await Promise.all([
    loginOf(machine, loginShell, shells),
    import('../adapters/index.ts'),
  ]);
  const env = {
    ...normalizeEnvironment(OS, login.env, request.env),
    AW_RUN_ID: request.runId,
    AW_HOST: host,
  };
  const facts = hostFacts({ shells, env, cwd, scratch });
  return adapt({ command, loginShell, ...(shell === undefined ? {} : { shell }) }, facts);
}

/** The login environment of a shell, from the cache when it is there. */
export function loginOf(
  machine: Machine,
  shell: ShellName,
  shells: Shells = machine.shells(),
): Promise<LoginEnvironment> {
  const { scratch } = machine;
  return loginEnvironment({ os: OS, shell, shells, baseEnv: process.env, scratch });
}

/** The machine's shells, and those that only the user's own login finds: in `~/.dotnet/tools`, by a version manager. */
export async function allShells(machine: Machine): Promise<Shells> {
  const own = machine.loginShell();
  const usual = machine.shells();
  return own === undefined ? usual : { ...findShells(OS, (await loginOf(machine, own)).env), ...usual };
}

export function hostFacts(place: {
  shells: Shells;
  env: Record<string, string>;
  cwd: string;
  scratch: string;
}): HostFacts {
  return { os: OS, probe, readText, ...place };
}

/** @throws AW_SHELL_UNSUPPORTED when there is no such shell. */
export function chooseShell(shells: Shells, shell: ShellName | undefined): ShellName {
  if (shell !== undefined && shells[shell] !== undefined) return shell;
  throw new AwError('AW_SHELL_UNSUPPORTED', {
    shell: shell ?? 'of this user',
    reason: 'it is not installed',
    available: Object.keys(shells).join(', ') || 'none',
  });
}

function probe(path: string): PathKind {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return 'directory';
  } catch (error) {
    // Something is there that may not be looked at.
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'denied' : 'missing';
  }
  try {
    accessSync(path, constants.X_OK);
    return 'executable';
  } catch {
    return 'denied';
  }
}

function readText(path: string): string | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(TEXT_LIMIT);
      return buffer.toString('utf8', 0, readSync(fd, buffer, 0, TEXT_LIMIT, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}
