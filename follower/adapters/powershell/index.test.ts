import { expect, test } from 'vitest';
import { adapt } from '../index.ts';
import type { CommandSpec, HostFacts } from '../types.ts';
import { powershellInvocation } from './index.ts';

const PS5 = 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe';
const windows: HostFacts = {
  os: 'windows',
  env: { Path: 'C:\\Windows', SystemRoot: 'C:\\Windows' },
  cwd: 'S:\\a`b',
  shells: { powershell: PS5 },
  scratch: 'C:\\state\\runs\\1',
  probe: () => 'missing',
  readText: () => undefined,
};
const getItem: CommandSpec = {
  command: { kind: 'argv', argv: ['Get-Item', '-Path', "it's"] },
  loginShell: 'powershell',
};

test('the file that is run stands in the scratch directory, in UTF-8 with a byte order mark', () => {
  const { file, args, cwd, files } = powershellInvocation(getItem, windows);
  expect({ file, args, cwd }).toEqual({
    file: PS5,
    args: [
      '-NoProfile',
      '-NonInteractive',
      '-NoLogo',
      '-ExecutionPolicy',
      'Bypass',
      '-File',
      'C:\\state\\runs\\1\\run.ps1',
    ],
    cwd: 'S:\\a`b',
  });
  expect(files!.map(({ name }) => name)).toEqual(['run.ps1']);
  const text = Buffer.from(files![0]!.content);
  expect(text.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
  expect(text.toString()).toContain("& $awCommand -Path 'it''s'\n");
});

test('--shell wins over the login shell', () => {
  const facts = { ...windows, shells: { ...windows.shells, pwsh: 'C:\\7\\pwsh.exe' } };
  expect(powershellInvocation({ ...getItem, shell: 'pwsh' }, facts).file).toBe('C:\\7\\pwsh.exe');
  expect(powershellInvocation(getItem, facts).file).toBe(PS5);
});

test('a PowerShell that is not there is refused with those that are', () => {
  expect(() => powershellInvocation({ ...getItem, shell: 'pwsh' }, windows)).toThrow(
    expect.objectContaining({
      code: 'AW_SHELL_UNSUPPORTED',
      remedy: 'install it, or choose one of: powershell',
    }),
  );
});

test.each([
  [
    'inherited from PowerShell 7',
    'C:\\Users\\u\\Documents\\PowerShell\\Modules;C:\\Program Files\\PowerShell\\Modules;c:\\program files\\powershell\\7\\Modules',
    undefined,
  ],
  [
    'mixed with its own',
    'C:\\Program Files\\WindowsPowerShell\\Modules;C:\\Program Files\\WindowsApps\\Microsoft.PowerShell_7.6.5.0_x64__8wekyb3d8bbwe\\Modules;D:\\Mine;',
    'C:\\Program Files\\WindowsPowerShell\\Modules;D:\\Mine',
  ],
  [
    'of a directory that only has the word in it',
    'D:\\PowerShellThings\\Modules',
    'D:\\PowerShellThings\\Modules',
  ],
])('PSModulePath %s, for Windows PowerShell', (_, inherited, expected) => {
  const env = { ...windows.env, psmodulepath: inherited };
  const own = expected === undefined ? {} : { PSModulePath: expected };
  expect(powershellInvocation(getItem, { ...windows, env }).env).toEqual({ ...windows.env, ...own });
  const facts = { ...windows, env, shells: { pwsh: 'C:\\7\\pwsh.exe' } };
  expect(powershellInvocation({ ...getItem, shell: 'pwsh' }, facts).env).toBe(env);
});

test.each([
  ['an argument with NUL', { kind: 'argv', argv: ['Get-Item', 'a\0b'] }, 'AW_ARG_NUL', 'argument 1 '],
  [
    'an argument that is not Unicode',
    { kind: 'argv', argv: ['Get-Item', '\ud800'] },
    'AW_ARG_LONE_SURROGATE',
    'argument 1 ',
  ],
  [
    'a script that is not Unicode',
    { kind: 'script', script: '"\udc00"' },
    'AW_ARG_LONE_SURROGATE',
    'argument 0 ',
  ],
] as const)('%s is refused', (_, command, code, message) => {
  expect(() =>
    adapt({ command: command as CommandSpec['command'], loginShell: 'powershell' }, windows),
  ).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
});
