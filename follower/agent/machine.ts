/** What the agent knows of its machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, hostname, uptime } from 'node:os';
import type { Info } from '../../contract/follower-api.ts';
import type { Os, ShellName } from '../../contract/names.ts';
import { PROTOCOL, VERSION } from '../../contract/version.ts';
import { findShells } from '../environment/find-shells.ts';
import { currentUser, userLoginShell } from '../environment/user.ts';

export const OS: Os =
  process.platform === 'win32' ? 'windows' : process.platform === 'darwin' ? 'macos' : 'linux';

/** How long a look at the machine's shells is good for. */
const SHELLS_MS = 30_000;

export interface Machine {
  readonly bootId: string;
  /** A private directory for short-lived files. */
  readonly scratch: string;
  shells(): Partial<Record<ShellName, string>>;
  /** The user's own; undefined on a machine without any shell. */
  loginShell(): ShellName | undefined;
  info(): Info;
}

/** `socket`: where the agent listens, if others may be told. */
export function createMachine(agentId: string, scratch: string, socket?: string): Machine {
  const bootId = readBootId();
  let known: { at: number; shells: Partial<Record<ShellName, string>> } | undefined;
  const shells = () => {
    const now = performance.now();
    if (known === undefined || now - known.at > SHELLS_MS) {
      known = { at: now, shells: findShells(OS, process.env) };
    }
    return known.shells;
  };
  const loginShell = () => userLoginShell({ os: OS, shells: shells(), env: process.env });
  return {
    bootId,
    scratch,
    shells,
    loginShell,
    info() {
      const shell = loginShell();
      return {
        protocol: PROTOCOL,
        version: VERSION,
        os: OS,
        arch: arch(),
        hostname: hostname(),
        user: currentUser().name,
        pid: process.pid,
        agentId,
        bootId,
        shells: shells(),
        ...(shell === undefined ? {} : { loginShell: shell }),
        now: new Date().toISOString(),
        ...(socket === undefined ? {} : { socket }),
      };
    },
  };
}

/** The same for as long as the machine is up. */
function readBootId(): string {
  try {
    if (OS === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    if (OS === 'macos') {
      const options = { encoding: 'utf8', timeout: 5000 } as const;
      return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], options).trim();
    }
  } catch {
    // As on Windows.
  }
  // To the minute, because the two clocks it is made of drift against each other.
  return `up-since-${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
}
