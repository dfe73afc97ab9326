/** Whom the agent runs as, and that user's shell. */
import { userInfo } from 'node:os';
import type { Os, ShellName } from '../../contract/names.ts';
import { ShellName as ShellNameSchema } from '../../contract/names.ts';

export interface LoginUser {
  name: string;
  home: string;
  /** As the passwd entry has it; undefined on Windows and for a user without an entry. */
  shell: string | undefined;
}

/** From the OS; what it does not know (a container's user without a passwd entry) comes from the environment. */
export function currentUser(env: Readonly<Record<string, string | undefined>> = process.env): LoginUser {
  const found = (() => {
    try {
      return userInfo();
    } catch {
      return undefined;
    }
  })();
  return {
    name: found?.username ?? env.USER ?? env.LOGNAME ?? env.USERNAME ?? 'unknown',
    home: env.HOME ?? env.USERPROFILE ?? found?.homedir ?? '/',
    shell: found?.shell ?? undefined,
  };
}

/** When the user's own shell is not one of ours, the first of these that the machine has. */
const FALLBACK: Record<Os, readonly ShellName[]> = {
  linux: ['bash', 'sh', 'zsh'],
  macos: ['zsh', 'bash', 'sh'],
  windows: ['pwsh', 'powershell', 'cmd'],
};

/**
 * The user's own login shell: the passwd entry, else `$SHELL`, else what the OS usually has. Windows has no such setting:
 * PowerShell. Undefined when the machine has no shell at all.
 */
export function userLoginShell(options: {
  os: Os;
  shells: Readonly<Partial<Record<ShellName, string>>>;
  env: Readonly<Record<string, string | undefined>>;
  user?: LoginUser;
}): ShellName | undefined {
  const { os, shells, env } = options;
  if (os !== 'windows') {
    for (const path of [(options.user ?? currentUser(env)).shell, env.SHELL]) {
      const name = ShellNameSchema.safeParse(path?.split('/').at(-1));
      if (name.success && shells[name.data] !== undefined) return name.data;
    }
  }
  return FALLBACK[os].find(name => shells[name] !== undefined);
}
