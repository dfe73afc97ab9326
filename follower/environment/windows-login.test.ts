import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loginEnvironment } from './index.ts';
import { MACHINE_KEY, USER_KEY, VOLATILE_KEY, windowsEnvironment } from './windows-login.ts';
import { parseRegistryExport, type RegistryText, registryExport } from './windows-registry.ts';

const S = String.raw;
const scratch = mkdtempSync(join(tmpdir(), 'aw-registry-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const plain = (name: string, value: string): RegistryText => ({ name, type: 'REG_SZ', value });
const expandable = (name: string, value: string): RegistryText => ({ name, type: 'REG_EXPAND_SZ', value });

/** As regedit writes an expandable value: UTF-16LE bytes, 25 to a line. */
function hex(value: string): string {
  const bytes = [...Buffer.from(`${value}\0`, 'utf16le')].map(byte => byte.toString(16).padStart(2, '0'));
  return `hex(2):${bytes.map((byte, index) => (index > 0 && index % 25 === 0 ? `\\\r\n  ${byte}` : byte)).join(',')}`;
}

const EXPORT = [
  'Windows Registry Editor Version 5.00',
  '',
  S`[HKEY_CURRENT_USER\Environment]`,
  `"Path"=${hex(S`%USERPROFILE%\bin;C:\Users\José\日本\tools`)}`,
  S`"QUOTED \"name\""="C:\\dir\\ \"x\" [y]"`,
  '"MULTI"="one\r\n[HKEY_X]\r\ntwo"',
  '"EMPTY"=""',
  '"NUMBER"=dword:00000007',
  '"BYTES"=hex:01,02',
  '@="default"',
  '',
  S`[HKEY_CURRENT_USER\Environment\1]`,
  '"SUBKEY"="no"',
  '',
].join('\r\n');

describe('registry export', () => {
  test('names and values are exact; subkeys, numbers and the default are left out', () => {
    expect(parseRegistryExport(`\ufeff${EXPORT}`, USER_KEY)).toEqual([
      expandable('Path', S`%USERPROFILE%\bin;C:\Users\José\日本\tools`),
      plain('QUOTED "name"', S`C:\dir\ "x" [y]`),
      plain('MULTI', 'one\n[HKEY_X]\ntwo'),
      plain('EMPTY', ''),
    ]);
    expect(parseRegistryExport(EXPORT, VOLATILE_KEY)).toEqual([]);
    expect(parseRegistryExport('', USER_KEY)).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')(
    'the reader gives the key as one argument and leaves nothing behind',
    async () => {
      const source = join(scratch, 'source.reg');
      writeFileSync(source, `\ufeff${EXPORT}`, 'utf16le');
      const seen = join(scratch, 'seen');
      const reg = join(scratch, 'reg.exe');
      writeFileSync(reg, `#!/bin/sh\nprintf '%s\\n' "$@" >'${seen}'\ncp '${source}' "$3"\n`);
      chmodSync(reg, 0o755);
      expect(await registryExport(reg)(USER_KEY)).toHaveLength(4);
      const [verb, key, file, overwrite] = readFileSync(seen, 'utf8').split('\n');
      expect([verb, key, overwrite]).toEqual(['export', USER_KEY, '/y']);
      expect(() => readFileSync(file!)).toThrow('ENOENT');
      writeFileSync(reg, '#!/bin/sh\nexit 1\n');
      await expect(registryExport(reg)(USER_KEY)).rejects.toThrow('reg.exe');
    },
  );
});

describe('the logon environment', () => {
  const base = {
    SystemRoot: S`C:\Windows`,
    USERPROFILE: S`C:\Users\u`,
    PATH: S`C:\stale`,
    PSModulePath: 'pwsh7',
    Old: 'kept',
    ProgramData: S`C:\PD`,
  };

  test("Path is the machine's and then the user's, one variable, never what was inherited", () => {
    const env = windowsEnvironment(
      base,
      [
        expandable('Path', S`%SystemRoot%\system32;%SystemRoot%;`),
        plain('PATHEXT', '.EXE'),
        expandable('PSModulePath', S`%SystemRoot%\Modules`),
      ],
      [expandable('PATH', S`%USERPROFILE%\bin;%NO_SUCH%\x`)],
      [],
    );
    expect(env).toEqual({
      SystemRoot: S`C:\Windows`,
      USERPROFILE: S`C:\Users\u`,
      Old: 'kept',
      ProgramData: S`C:\PD`,
      PATHEXT: '.EXE',
      PSModulePath: S`C:\Windows\Modules`,
      Path: S`C:\Windows\system32;C:\Windows;C:\Users\u\bin;%NO_SUCH%\x`,
    });
  });

  test('values with references see plain ones and each other, whatever the order', () => {
    const env = windowsEnvironment(
      {},
      [
        expandable('Path', S`%JAVA_HOME%\bin`),
        expandable('JAVA_HOME', S`%TOOLS%\jdk`),
        expandable('TOOLS', '%Drive%\\t'),
        plain('DRIVE', 'D:'),
      ],
      [],
      [],
    );
    expect(env).toMatchObject({ JAVA_HOME: S`D:\t\jdk`, Path: S`D:\t\jdk\bin`, TOOLS: S`D:\t` });
  });

  test("the user's value replaces the machine's and may build on it; circles end", () => {
    const env = windowsEnvironment(
      base,
      [expandable('TEMP', S`%SystemRoot%\TEMP`), plain('USERNAME', 'SYSTEM'), plain('EXTRA', 'm')],
      [
        expandable('temp', S`%USERPROFILE%\Temp`),
        expandable('EXTRA', '%EXTRA%;u'),
        expandable('A', '%B%'),
        expandable('B', '%A%'),
      ],
      [plain('APPDATA', S`C:\Users\u\AppData`)],
    );
    expect(env).toMatchObject({ TEMP: S`C:\Users\u\Temp`, EXTRA: 'm;u', APPDATA: S`C:\Users\u\AppData` });
    expect(env).not.toHaveProperty('USERNAME');
    expect(env).not.toHaveProperty('temp');
    expect(`${env.A} ${env.B}`).toContain('%');
  });

  test('without a Path in the registry there is none', () => {
    expect(windowsEnvironment(base, [], [], [])).not.toHaveProperty('Path');
  });

  test('asked for through the reader, once in half a minute; an unreadable machine key is said', async () => {
    const asked: string[] = [];
    let now = 0;
    const ask = (fails: boolean, mark: string) =>
      loginEnvironment({
        os: 'windows',
        shells: {},
        baseEnv: { ...base, MARK: mark, NODE_OPTIONS: 'x', AW_TOKEN: 'x', '=C:': 'x' },
        clock: () => now,
        registry: async key => {
          asked.push(key);
          if (fails || key === VOLATILE_KEY) throw new Error('access denied');
          return key === MACHINE_KEY ? [plain('Path', S`C:\m`)] : [plain('PATH', S`C:\u`)];
        },
      });
    const first = await ask(false, '1');
    expect(first).toMatchObject({ source: 'registry', notes: [], env: { Path: S`C:\m;C:\u` } });
    expect(Object.keys(first.env).filter(name => /^(?:NODE|AW|=)/.test(name))).toEqual([]);
    expect(asked).toEqual([MACHINE_KEY, USER_KEY, VOLATILE_KEY]);
    now = 29_999;
    expect(await ask(false, '1')).toBe(first);
    now = 30_000;
    expect(await ask(false, '1')).not.toBe(first);
    const failed = await ask(true, '2');
    expect(failed).toMatchObject({ source: 'follower', env: { PATH: S`C:\stale` } });
    expect(failed.notes).toEqual([expect.stringContaining('could not be read: access denied')]);
  });
});
