/** The environment a fresh login on this machine has: asked for once, kept until something it depends on changes. */
import { tmpdir } from 'node:os';
import type { Os, ShellName } from '../../contract/names.ts';
import { type PosixLogin, planPosixLogin, posixLogin, posixLoginKey } from './posix-login.ts';
import { currentUser, type LoginUser } from './user.ts';
import { windowsLogin } from './windows-login.ts';
import { type RegistryReader, registryExport } from './windows-registry.ts';

export interface LoginEnvironment {
  env: Record<string, string>;
  /** Where it comes from, for a person: `zsh -l -i`, `zsh -l`, `registry`, or `follower` when nothing else was to be had. */
  source: string;
  /** What did not go as it should, each a sentence. */
  notes: string[];
}

export interface LoginOptions {
  os: Os;
  /** Default: the user's own. Shells without a login of their own (`pwsh`) have that of the user's own shell. */
  shell?: ShellName | undefined;
  /** Absolute paths of the machine's shells. */
  shells: Readonly<Partial<Record<ShellName, string>>>;
  /** The agent's own environment: what a login starts from, less what belongs to the agent alone. */
  baseEnv: Readonly<Record<string, string | undefined>>;
  user?: LoginUser;
  /** For each try to ask a shell. */
  timeoutMs?: number;
  /** A private directory whose owner empties it; default the system's for temporary files. */
  scratch?: string;
  registry?: RegistryReader;
  /** Milliseconds, never going back. */
  clock?: () => number;
}

const CAPTURE_TIMEOUT = 10_000;
/** Files that start-up files read in turn are not watched; nor is the registry. */
const MAX_AGE: Record<Os, number> = { linux: 600_000, macos: 600_000, windows: 30_000 };
const MAX_KEPT = 16;

const kept = new Map<string, { since: number; login: Promise<LoginEnvironment> }>();

/**
 * Never throws: where the login cannot be had, the answer is the agent's own environment and `notes` say so. Answers are shared:
 * the same shell, user, start-up files and base give the same answer for up to ten minutes (Windows: half a minute), failures too,
 * so that a start-up file that hangs does not delay every run. Callers must not change what they get.
 */
export async function loginEnvironment(options: LoginOptions): Promise<LoginEnvironment> {
  const now = (options.clock ?? performance.now.bind(performance))();
  const plan = options.os === 'windows' ? undefined : planOf(options, options.os);
  const key = plan === undefined ? `windows ${JSON.stringify(options.baseEnv)}` : posixLoginKey(plan);
  const known = kept.get(key);
  if (known !== undefined && now - known.since < MAX_AGE[options.os]) return known.login;
  const login =
    plan === undefined
      ? windowsLogin(options.baseEnv, options.registry ?? registryExport())
      : posixLogin(plan);
  kept.delete(key);
  kept.set(key, { since: now, login });
  for (const oldest of kept.keys()) {
    if (kept.size <= MAX_KEPT) break;
    kept.delete(oldest);
  }
  return login;
}

function planOf(options: LoginOptions, os: Exclude<Os, 'windows'>): PosixLogin {
  return planPosixLogin({
    os,
    shell: options.shell,
    shells: options.shells,
    agentEnv: options.baseEnv,
    user: options.user ?? currentUser(options.baseEnv),
    timeoutMs: options.timeoutMs ?? CAPTURE_TIMEOUT,
    scratch: options.scratch ?? tmpdir(),
  });
}
