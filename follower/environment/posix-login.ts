/** The login environment on Linux and macOS. */
import { isUtf8 } from 'node:buffer';
import { AwError } from '../../contract/errors.ts';
import type { Os, ShellName } from '../../contract/names.ts';
import { isPosixShell, type PosixShell } from '../adapters/posix/shells.ts';
import { CAPTURE_VARIABLES, type Capture, capture } from './capture.ts';
import type { LoginEnvironment } from './login-environment.ts';
import { isDroppedFromLogin, isReserved, loginBase, namesLostBy } from './names.ts';
import { startupStamp } from './startup-files.ts';
import { type LoginUser, userLoginShell } from './user.ts';

/** What login(1) starts with. */
const DEFAULT_PATH: Record<'linux' | 'macos', string> = {
  linux: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  macos: '/usr/bin:/bin:/usr/sbin:/sbin',
};

export interface PosixLogin {
  os: Exclude<Os, 'windows'>;
  shell: PosixShell;
  /** Absolute path of the shell. */
  file: string;
  base: Record<string, string>;
  home: string;
  timeoutMs: number;
  /** For short-lived files of this user's own. */
  scratch: string;
  /** Said of the choice of shell. */
  notes: string[];
}

/** Which shell is asked and what it starts with; undefined when the machine has no shell to ask. */
export function planPosixLogin(options: {
  os: Exclude<Os, 'windows'>;
  shell: ShellName | undefined;
  shells: Readonly<Partial<Record<ShellName, string>>>;
  agentEnv: Readonly<Record<string, string | undefined>>;
  user: LoginUser;
  timeoutMs: number;
  scratch: string;
}): PosixLogin {
  const { os, shells, user, agentEnv } = options;
  const wanted = options.shell ?? userLoginShell({ os, shells, env: agentEnv, user });
  const own = userLoginShell({ os, shells, env: agentEnv, user });
  const usable = (name: ShellName | undefined): name is PosixShell =>
    name !== undefined && isPosixShell(name) && shells[name] !== undefined;
  const shell = [wanted, own].find(usable) ?? 'sh';
  const base = loginBase(agentEnv);
  return {
    os,
    shell,
    file: shells[shell] ?? '/bin/sh',
    base: {
      ...base,
      PATH: base.PATH || DEFAULT_PATH[os],
      HOME: user.home,
      USER: user.name,
      LOGNAME: user.name,
      SHELL: shells[shell] ?? '/bin/sh',
    },
    home: user.home,
    timeoutMs: options.timeoutMs,
    scratch: options.scratch,
    notes:
      wanted === undefined || wanted === shell || !isPosixShell(wanted)
        ? []
        : [`${wanted} is not installed; the login environment is that of ${shell}`],
  };
}

/** Equal for logins that would end the same. */
export function posixLoginKey({ shell, file, base, home, timeoutMs }: PosixLogin): string {
  return JSON.stringify([shell, file, base, home, timeoutMs, startupStamp(shell, home)]);
}

/**
 * As an interactive login shell, because PATH additions often stand in files that only those read; else as a plain login
 * shell; else what the agent itself has. Each step down is said in the notes. Never throws.
 */
export async function posixLogin(login: PosixLogin): Promise<LoginEnvironment> {
  const notes = [...login.notes];
  for (const interactive of [true, false]) {
    const options: Capture = { ...login, interactive, env: { ...login.base, ...CAPTURE_VARIABLES } };
    const source = `${login.shell} -l${interactive ? ' -i' : ''}`;
    const captured = await capture(options).catch((error: Error) => ({ reason: error.message }));
    if ('variables' in captured) return { env: merge(login, captured.variables, notes), source, notes };
    notes.push(new AwError('AW_ENV_CAPTURE_FAILED', { shell: source, reason: captured.reason }).message);
  }
  notes.push("the run has the follower's own environment instead");
  return { env: login.base, source: 'follower', notes };
}

function merge(
  login: PosixLogin,
  variables: readonly [string, Buffer][],
  notes: string[],
): Record<string, string> {
  const { base, shell } = login;
  const lost = Object.fromEntries(namesLostBy(shell, base).map(name => [name, base[name]!]));
  const kept = Object.fromEntries(Object.entries(base).filter(([name]) => isDroppedFromLogin(name)));
  const env: Record<string, string> = { ...lost, ...kept };
  const unreadable: string[] = [];
  for (const [name, value] of variables) {
    if (isDroppedFromLogin(name) || isReserved(name)) continue;
    const text = value.toString('utf8');
    if (CAPTURE_VARIABLES[name] === text && base[name] !== text) continue;
    if (isUtf8(value) && !name.includes('\ufffd')) env[name] = text;
    else unreadable.push(name);
  }
  if (unreadable.length > 0) notes.push(`left out, not UTF-8: ${unreadable.join(', ')}`);
  return env;
}
