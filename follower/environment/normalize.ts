/** The complete environment of a child: checked, merged, in the form its OS needs. */
import { AwError, show } from '../../contract/errors.ts';
import type { Os } from '../../contract/names.ts';
import { isReserved } from './names.ts';

/**
 * The longest variable. Windows: UTF-16 units of the value. Linux: MAX_ARG_STRLEN less its NUL, bytes of `NAME=value`. macOS:
 * ARG_MAX, which is for all arguments and variables together.
 */
const LIMIT: Record<Os, { limit: number; measure(name: string, value: string): number }> = {
  windows: { limit: 32_767, measure: (_, value) => value.length },
  linux: { limit: 131_071, measure: (name, value) => Buffer.byteLength(`${name}=${value}`) },
  macos: { limit: 1_048_575, measure: (name, value) => Buffer.byteLength(`${name}=${value}`) },
};

/** What cmd and CreateProcess can start without a variable that says so. */
const DEFAULT_PATHEXT = '.COM;.EXE;.BAT;.CMD';

/**
 * `extra` on top of `login`. A value of undefined removes the variable; an empty one is set and empty.
 *
 * On Windows names that differ only in case are one variable: the login's spelling stays, `Path` is always spelled so, and `PATHEXT`
 * is always there.
 *
 * @throws AW_ENV_NAME_INVALID, AW_ENV_VALUE_INVALID (NUL, lone surrogate, not text), AW_ENV_RESERVED, AW_ENV_CASE_CONFLICT (Windows:
 * two spellings within `extra` or within `login`), AW_ENV_TOO_LONG.
 */
export function normalizeEnvironment(
  os: Os,
  login: Readonly<Record<string, string>>,
  extra: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const merged = new Map<string, { name: string; value: string }>();
  const apply = (variables: Readonly<Record<string, string | undefined>>) => {
    const spelled = new Map<string, string>();
    for (const [given, value] of Object.entries(variables)) {
      check(os, given, value);
      const name = os === 'windows' ? windowsSpelling(given) : given;
      const key = os === 'windows' ? name.toUpperCase() : name;
      const first = spelled.get(key);
      if (first !== undefined)
        throw new AwError('AW_ENV_CASE_CONFLICT', { first: show(first), second: show(given) });
      spelled.set(key, given);
      if (value === undefined) merged.delete(key);
      else merged.set(key, { name: merged.get(key)?.name ?? name, value });
    }
  };
  apply(login);
  for (const name of Object.keys(extra)) {
    if (isReserved(name)) throw new AwError('AW_ENV_RESERVED', { name });
  }
  apply(extra);
  if (os === 'windows' && !merged.has('PATHEXT'))
    merged.set('PATHEXT', { name: 'PATHEXT', value: DEFAULT_PATHEXT });
  return Object.fromEntries([...merged.values()].map(({ name, value }) => [name, value]));
}

function check(os: Os, name: string, value: unknown): void {
  if (name === '' || /[=\0]/.test(name) || !name.isWellFormed()) {
    throw new AwError('AW_ENV_NAME_INVALID', { name: show(name) });
  }
  if (value === undefined) return;
  const invalid = (problem: string) => new AwError('AW_ENV_VALUE_INVALID', { name: show(name), problem });
  if (typeof value !== 'string')
    throw invalid(value === null ? 'null instead of text' : `a ${typeof value} instead of text`);
  if (value.includes('\0')) throw invalid('a NUL byte');
  if (!value.isWellFormed()) throw invalid('a lone UTF-16 surrogate');
  const { limit, measure } = LIMIT[os];
  const length = measure(name, value);
  if (length > limit) throw new AwError('AW_ENV_TOO_LONG', { name: show(name), length, os, limit });
}

function windowsSpelling(name: string): string {
  return name.toUpperCase() === 'PATH' ? 'Path' : name;
}
