/**
 * The login environment on Windows, from the registry as a logon builds it. What the agent inherited may be years old, or,
 * over ssh, that of the service.
 */
import type { LoginEnvironment } from './login-environment.ts';
import { loginBase } from './names.ts';
import type { RegistryReader, RegistryText } from './windows-registry.ts';

export const MACHINE_KEY = String.raw`HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment`;
export const USER_KEY = String.raw`HKCU\Environment`;
export const VOLATILE_KEY = String.raw`HKCU\Volatile Environment`;

/** The user's value is appended to the machine's; for every other name it replaces it. */
const JOINED = new Set(['PATH', 'LIBPATH', 'OS2LIBPATH']);
/** Said of the machine's own account there. */
const MACHINE_ONLY = new Set(['USERNAME', 'USERPROFILE']);
/** Never taken from the agent: pwsh puts modules of its own version there. */
const REBUILT = new Set(['PATH', 'PATHEXT', 'PSMODULEPATH']);

/** Never throws; what cannot be read is said in the notes. */
export async function windowsLogin(
  agentEnv: Readonly<Record<string, string | undefined>>,
  read: RegistryReader,
): Promise<LoginEnvironment> {
  const base = loginBase(agentEnv);
  const notes: string[] = [];
  const optional = async (key: string): Promise<RegistryText[]> => read(key).catch(() => []);
  const machine = await read(MACHINE_KEY).catch((error: Error) => {
    notes.push(
      `${MACHINE_KEY} could not be read: ${error.message}; the run has the follower's own environment instead`,
    );
    return undefined;
  });
  if (machine === undefined) return { env: base, source: 'follower', notes };
  const [user, ofLogon] = await Promise.all([optional(USER_KEY), optional(VOLATILE_KEY)]);
  return { env: windowsEnvironment(base, machine, user, ofLogon), source: 'registry', notes };
}

/**
 * What this logon was given (`USERPROFILE` and the like), then machine, then user; in each the plain values first, then those with
 * `%NAME%`, so that they see the plain ones whatever the order they are stored in. `%NAME%` of no variable stays as it is.
 */
export function windowsEnvironment(
  base: Readonly<Record<string, string>>,
  machine: readonly RegistryText[],
  user: readonly RegistryText[],
  ofLogon: readonly RegistryText[],
): Record<string, string> {
  const env = new Map<string, { name: string; value: string }>();
  const joined = new Map<string, string[]>();
  for (const [name, value] of Object.entries(base)) {
    if (!REBUILT.has(name.toUpperCase())) env.set(name.toUpperCase(), { name, value });
  }
  const set = (name: string, value: string) => {
    const key = name.toUpperCase();
    env.set(key, { name: env.get(key)?.name ?? (key === 'PATH' ? 'Path' : name), value });
  };
  const lists = (name: string) => JOINED.has(name.toUpperCase());
  for (const values of [ofLogon, machine.filter(({ name }) => !MACHINE_ONLY.has(name.toUpperCase())), user]) {
    for (const { name, type, value } of values) if (type === 'REG_SZ' && !lists(name)) set(name, value);
    const expandable = values.filter(({ type, name }) => type === 'REG_EXPAND_SZ' && !lists(name));
    for (const { name, value } of inOrderOfUse(expandable)) set(name, expand(value, env));
    for (const { name, type, value } of values.filter(entry => lists(entry.name))) {
      const parts = joined.get(name.toUpperCase()) ?? [];
      parts.push(type === 'REG_EXPAND_SZ' ? expand(value, env) : value);
      joined.set(name.toUpperCase(), parts);
      set(
        name,
        parts
          .map(part => part.replace(/;+$/, ''))
          .filter(Boolean)
          .join(';'),
      );
    }
  }
  return Object.fromEntries([...env.values()].map(({ name, value }) => [name, value]));
}

/** Each value after those it refers to. In a circle the first stored comes first. */
function inOrderOfUse(values: readonly RegistryText[]): RegistryText[] {
  const ordered = new Set<RegistryText>();
  const visit = (entry: RegistryText, visiting: ReadonlySet<RegistryText>) => {
    if (ordered.has(entry) || visiting.has(entry)) return;
    for (const other of values) {
      if (other !== entry && entry.value.toUpperCase().includes(`%${other.name.toUpperCase()}%`)) {
        visit(other, new Set([...visiting, entry]));
      }
    }
    ordered.add(entry);
  };
  for (const entry of values) visit(entry, new Set());
  return [...ordered];
}

function expand(text: string, env: ReadonlyMap<string, { value: string }>): string {
  return text.replace(/%([^%]+)%/g, (whole, name: string) => env.get(name.toUpperCase())?.value ?? whole);
}
