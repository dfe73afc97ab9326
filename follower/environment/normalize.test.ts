import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Os, ShellName } from '../../contract/names.ts';
import { requires, which } from '../../test/support/require.ts';
import { isNeverForwarded, namesLostBy, normalizeEnvironment } from './index.ts';

const SYSTEMS: Os[] = ['linux', 'macos', 'windows'];
const onPosix = process.platform !== 'win32';

function codeOf(os: Os, extra: object, login: Record<string, string> = {}): string | undefined {
  try {
    normalizeEnvironment(os, login, extra as Record<string, string>);
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

/** What a child really gets. */
function childOf(env: Record<string, string>, file = '/usr/bin/env', args: string[] = ['-0']) {
  const result = spawnSync(file, args, { env });
  if (result.error !== undefined) throw result.error;
  return Object.fromEntries(
    result.stdout
      .toString()
      .split('\0')
      .filter(Boolean)
      .map(entry => {
        const equals = entry.indexOf('=');
        return [entry.slice(0, equals), entry.slice(equals + 1)];
      }),
  );
}

test('E1 an empty value is set and empty', () => {
  for (const os of SYSTEMS)
    expect(normalizeEnvironment(os, { A: 'x' }, { A: '', B: '' })).toMatchObject({ A: '', B: '' });
  if (process.platform === 'linux')
    expect(childOf(normalizeEnvironment('linux', {}, { A: '' }))).toEqual({ A: '' });
});

test('E2 values with every metacharacter are exact', () => {
  const values = [
    "it's",
    '\u2018x\u2019',
    'say "hi"',
    '$HOME ${x} $(id) `id`',
    'a\nb',
    'a\r\nb',
    '%PATH%',
    '100%',
    '日本語',
    '😀',
    '\u0001\u001b[0m',
    ' a ',
    '\\',
    '!!',
  ];
  const extra = Object.fromEntries(values.map((value, index) => [`V${index}`, value]));
  for (const os of SYSTEMS) expect(normalizeEnvironment(os, {}, extra)).toMatchObject(extra);
  if (process.platform === 'linux') expect(childOf(normalizeEnvironment('linux', {}, extra))).toEqual(extra);
});

describe('E3 names that differ only in case', () => {
  test('are one variable on Windows and refused there', () => {
    expect(codeOf('windows', { Path: 'a', PATH: 'b' })).toBe('AW_ENV_CASE_CONFLICT');
    expect(codeOf('windows', { foo: 'a', FOO: 'a' })).toBe('AW_ENV_CASE_CONFLICT');
    expect(codeOf('windows', {}, { foo: 'a', FOO: 'a' })).toBe('AW_ENV_CASE_CONFLICT');
    expect(() => normalizeEnvironment('windows', {}, { foo: 'a', Foo: 'b' })).toThrow(
      '"foo" and "Foo" are one variable on Windows',
    );
  });
  test('are two elsewhere', () => {
    for (const os of ['linux', 'macos'] as const) {
      expect(normalizeEnvironment(os, { Path: '1' }, { Path: 'a', PATH: 'b' })).toEqual({
        Path: 'a',
        PATH: 'b',
      });
    }
  });
  test("a given name replaces the login's, whose spelling stays; Path is always Path", () => {
    const login = { PATH: 'C:\\x', SystemRoot: 'C:\\Windows', PATHEXT: '.EXE' };
    expect(normalizeEnvironment('windows', login, { path: 'D:\\y', SYSTEMROOT: 'C:\\W' })).toEqual({
      Path: 'D:\\y',
      SystemRoot: 'C:\\W',
      PATHEXT: '.EXE',
    });
    expect(normalizeEnvironment('windows', login, { systemroot: undefined })).toEqual({
      Path: 'C:\\x',
      PATHEXT: '.EXE',
    });
    expect(normalizeEnvironment('windows', {}, {})).toEqual({ PATHEXT: '.COM;.EXE;.BAT;.CMD' });
  });
});

describe('E4 names that are none', () => {
  test.each(['A=B', '', 'A\0', '=C:', '=', 'a\ud800'])('%j', name => {
    for (const os of SYSTEMS) expect(codeOf(os, { [name]: 'x' })).toBe('AW_ENV_NAME_INVALID');
  });
  test("the follower's own are refused by name", () => {
    for (const name of ['AW_RUN_ID', 'AW_HOST']) {
      expect(() => normalizeEnvironment('linux', {}, { [name]: 'x' })).toThrow(
        `${name} is set by the follower`,
      );
    }
    expect(codeOf('windows', { aw_run_id: 'x' })).toBe('AW_ENV_RESERVED');
  });
});

describe('E5 names that are no identifiers', () => {
  const env = { 'ProgramFiles(x86)': 'a', 'a.b': 'c', PLAIN: 'x' };
  test('survive', () => {
    for (const os of SYSTEMS) expect(normalizeEnvironment(os, env, {})).toMatchObject(env);
    if (process.platform === 'linux') expect(childOf(normalizeEnvironment('linux', {}, env))).toEqual(env);
  });
  const SHELLS: ShellName[] = ['bash', 'zsh', 'fish', 'mksh', 'dash'];
  for (const shell of SHELLS) {
    const present = process.platform === 'linux' && requires(shell, which(shell) !== undefined);
    test.skipIf(!present)(`those that ${shell} loses are known`, () => {
      const got = childOf({ ...env, PATH: '/usr/bin' }, which(shell)!, ['-c', '/usr/bin/env -0']);
      expect(namesLostBy(shell, env)).toEqual(Object.keys(env).filter(name => got[name] === undefined));
    });
  }
});

describe('E6 what is never forwarded from the leader', () => {
  test.each([
    'BASH_ENV', 'ENV', 'BASH_FUNC_x%%', 'SHELLOPTS', 'PYTHONSTARTUP', 'NODE_OPTIONS', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'DYLD_INSERT_LIBRARIES', 'PERL5OPT', 'RUBYOPT',
    'PATH', 'Path', 'HOME', 'TMPDIR', 'SHELL', 'USER', 'PWD', 'SHLVL', 'SSH_AUTH_SOCK', 'TERM', 'XDG_SESSION_ID', 'CDPATH', 'AW_TOKEN', 'npm_config_registry', 'GIT_DIR',
  ])('%s', name => expect(isNeverForwarded(name)).toBe(true)); // biome-ignore format: one list
  test.each([
    'CI',
    'NODE_ENV',
    'LANG',
    'MY_ENV',
    'PATHS',
    'HOMEBREW_PREFIX',
    'AWS_SESSION_TOKEN',
    'LDFLAGS',
    'GIT_AUTHOR_NAME',
    'USERS',
  ])('but %s may be', name => expect(isNeverForwarded(name)).toBe(false));
  test('a value the user gives passes, whatever its name', () => {
    const given = { BASH_ENV: '/x', NODE_OPTIONS: '--no-warnings', LD_PRELOAD: '', PATH: '/bin' };
    expect(normalizeEnvironment('linux', { PATH: '/usr/bin' }, given)).toEqual(given);
  });
});

describe('E7 lengths', () => {
  test('Windows', () => {
    expect(codeOf('windows', { A: 'x'.repeat(32_767) })).toBeUndefined();
    expect(codeOf('windows', { A: 'x'.repeat(32_768) })).toBe('AW_ENV_TOO_LONG');
    expect(() => normalizeEnvironment('windows', {}, { A: 'x'.repeat(40_000) })).toThrow(
      '"A" is 40000 characters long; windows allows 32767',
    );
    expect(codeOf('macos', { A: 'x'.repeat(40_000) })).toBeUndefined();
  });
  test('Linux: NAME=value in bytes, where the kernel draws the line', () => {
    const longest = { AÄ: `x${'é'.repeat(65_533)}` };
    expect(Buffer.byteLength(`AÄ=${longest.AÄ}`)).toBe(131_071);
    expect(codeOf('linux', longest)).toBeUndefined();
    expect(codeOf('linux', { AÄ: `${longest.AÄ}x` })).toBe('AW_ENV_TOO_LONG');
    if (process.platform !== 'linux') return;
    expect(childOf(longest)).toEqual(longest);
    expect(() => childOf({ AÄ: `${longest.AÄ}x` })).toThrow('E2BIG');
  });
});

test('E8 undefined unsets; what is not text is refused', () => {
  for (const os of SYSTEMS) {
    expect(normalizeEnvironment(os, { A: 'x', B: 'y' }, { A: undefined })).not.toHaveProperty('A');
    for (const value of [null, 1, true, {}]) expect(codeOf(os, { A: value })).toBe('AW_ENV_VALUE_INVALID');
    expect(codeOf(os, { A: 'a\0b' })).toBe('AW_ENV_VALUE_INVALID');
    expect(codeOf(os, { A: 'a\udc00' })).toBe('AW_ENV_VALUE_INVALID');
  }
  expect(() => normalizeEnvironment('linux', {}, { A: null as unknown as string })).toThrow(
    '"A" contains null instead of text',
  );
});

test.runIf(onPosix && process.platform === 'linux')('whatever is accepted, a child gets exactly', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 });
  fc.assert(
    fc.property(fc.dictionary(text, text, { maxKeys: 5 }), extra => {
      const code = codeOf('linux', extra);
      if (code === undefined) expect(childOf(normalizeEnvironment('linux', {}, extra))).toEqual({ ...extra });
      else expect(code).toMatch(/^AW_ENV_(?:NAME|VALUE)_INVALID$/);
    }),
    { numRuns: 60 },
  );
});
