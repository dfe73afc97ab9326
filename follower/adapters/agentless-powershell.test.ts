import { win32 } from 'node:path';
import { expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import {
  agentlessInvocation,
  answerFields,
  createLooks,
  type Looks,
  loginOf,
  lookMessage,
  powershellLine,
  powershellMessage,
  runMessage,
  takeLooks,
  type WindowsLogin,
} from './agentless-powershell.ts';
import { LOADER } from './agentless-powershell-program.ts';

const SYSTEM = 'C:\\Windows\\System32';
const login: WindowsLogin = {
  temp: 'C:\\Temp\\',
  env: {
    SystemRoot: 'C:\\Windows',
    PATH: `${SYSTEM};C:\\nodejs;;.;C:\\npm`,
    PATHEXT: '.COM;.EXE;.BAT;.CMD;.JS',
    SSH_CLIENT: 'x',
  },
};
const usual = [
  `${SYSTEM}\\cmd.exe`,
  `${SYSTEM}\\WindowsPowerShell\\v1.0\\powershell.exe`,
  'C:\\nodejs\\node.exe',
];

const request = (fields: Partial<RunRequestInput> = {}): RunRequestInput => ({
  runId: 'r1',
  host: 'a',
  command: { kind: 'argv', argv: ['node', 'a b'] },
  cwd: 'C:\\w',
  ...fields,
});

/** The host's answers, until no question is left. */
function settle(fields: Partial<RunRequestInput>, files: Record<string, string>, directories = ['C:\\w']) {
  const looks = createLooks();
  const answer = ({ openPaths, openTexts }: Looks) => [
    [...openPaths].map(path => (path in files ? 'f' : directories.includes(path) ? 'd' : '-')).join(''),
    ...[...openTexts].map(path => (path in files ? Buffer.from(files[path]!).toString('base64') : '-')),
  ];
  for (let rounds = 0; ; rounds++) {
    let result: ReturnType<typeof agentlessInvocation> | AwError;
    try {
      result = agentlessInvocation(request(fields), login, 'C:\\Temp\\aw-1', looks);
    } catch (error) {
      result = error as AwError;
    }
    if (lookMessage(looks) === undefined) return { result, rounds };
    takeLooks(looks, answer(looks));
  }
}
const withUsual = (more: Record<string, string> = {}) => ({
  ...Object.fromEntries(usual.map(path => [path, ''])),
  ...more,
});

test.each([undefined, 'pwsh', 'powershell', 'cmd'] as const)(
  'the line for the login shell (catalogue: %s) is plain words that every shell reads alike',
  shell => {
    const line = powershellLine(shell);
    expect(line).toMatch(/^[A-Za-z0-9.+/ -]+$/);
    expect(line.split(' ')[0]).toBe(shell === 'pwsh' ? 'pwsh.exe' : 'powershell.exe');
    // cmd.exe takes 8191 units, its own name included.
    expect(line.length).toBeLessThan(4000);
    const text = Buffer.from(line.split(' ').at(-1)!, 'base64').toString('utf16le');
    expect(text.trimEnd()).toBe(LOADER.trimEnd());
    expect(text.toLowerCase()).not.toMatch(/\$\{?input\b/);
  },
);

test('a message says its length in bytes', () => {
  expect(powershellMessage('look', 'ü', '').toString()).toBe('0000000008look\0ü\0');
  expect(answerFields(Buffer.from('a\0\0ü').toString('base64'))).toEqual(['a', '', 'ü']);
  expect(loginOf(['T', 'A', '1', 'B', ''])).toEqual({ temp: 'T', env: { A: '1', B: '' } });
});

test('a program is found in a few questions, never in the working directory', () => {
  const { result, rounds } = settle({}, withUsual({ 'C:\\w\\node.exe': '' }));
  expect(result).toMatchObject({ file: 'C:\\nodejs\\node.exe', args: ['a b'], cwd: 'C:\\w' });
  expect(rounds).toBeLessThan(4);
  const planted = settle({ command: { kind: 'argv', argv: ['tool'] } }, withUsual({ 'C:\\w\\tool.exe': '' }));
  expect(planted.result).toMatchObject({ code: 'AW_CMD_NOT_FOUND' });
  const named = settle(
    { command: { kind: 'argv', argv: ['.\\tool'] } },
    withUsual({ 'C:\\w\\tool.cmd': '' }),
  );
  expect(named.result).toMatchObject({ file: `${SYSTEM}\\cmd.exe`, verbatim: true });
});

test("a package manager's shim becomes the program that it stands for", () => {
  const shim = '@ECHO off\r\n"%~dp0\\node_modules\\x\\x.exe" %*\r\n';
  const target = 'C:\\npm\\node_modules\\x\\x.exe';
  const { result } = settle(
    { command: { kind: 'argv', argv: ['x', 'a\nb'] } },
    withUsual({ 'C:\\npm\\x.cmd': shim, [target]: '' }),
  );
  expect(result).toMatchObject({ file: target, args: ['a\nb'] });
});

test.each([
  [{ command: { kind: 'argv', argv: ['nothing'] } }, 'AW_CMD_NOT_FOUND'],
  [{ command: { kind: 'argv', argv: ['b', 'a\nb'] } }, 'AW_ARG_NEWLINE_BATCH'],
  [{ command: { kind: 'argv', argv: ['node', 'a\0'] } }, 'AW_ARG_NUL'],
  [{ command: { kind: 'argv', argv: ['node', '\ud800'] } }, 'AW_ARG_LONE_SURROGATE'],
  [{ command: { kind: 'argv', argv: ['node', 'x'.repeat(33_000)] } }, 'AW_ARG_TOO_LONG'],
  [{ env: { A: '1', a: '2' } }, 'AW_ENV_CASE_CONFLICT'],
  [{ env: { AW_HOST: 'x' } }, 'AW_ENV_RESERVED'],
  [{ env: { A: 'x'.repeat(40_000) } }, 'AW_ENV_TOO_LONG'],
  [{ cwd: 'C:\\nowhere' }, 'AW_CWD_MISSING'],
  [{ cwd: 'C:\\npm\\b.cmd' }, 'AW_CWD_MISSING'],
  [{ shell: 'zsh' }, 'AW_SHELL_UNSUPPORTED'],
  [{ loginShell: 'fish' }, 'AW_SHELL_UNSUPPORTED'],
] as [Partial<RunRequestInput>, string][])('%j is refused: %s', (fields, code) => {
  const { result } = settle(fields, withUsual({ 'C:\\npm\\b.cmd': 'echo %*' }));
  expect(result).toBeInstanceOf(AwError);
  expect(result).toMatchObject({ code });
});

test('a script is a file for PowerShell, in a directory of its own', () => {
  const { result } = settle({ command: { kind: 'script', script: "'x'" } }, withUsual());
  if (result instanceof AwError) throw result;
  const [length, ...fields] = runMessage(result, login, 'C:\\Temp\\aw-1')
    .toString()
    .split(/(?<=^\d{10})|\0/);
  expect(Number(length)).toBe(Buffer.byteLength(fields.join('\0')));
  expect(fields.slice(0, 4)).toEqual(['run', 'C:\\Temp\\aw-1', 'C:\\w', usual[1]]);
  expect(fields.at(-2)).toBe(win32.join('C:\\Temp\\aw-1', 'run.ps1'));
  expect(Buffer.from(fields.at(-1)!, 'base64').toString()).toContain(Buffer.from("'x'").toString('base64'));
});

test('of the environment only the difference is sent', () => {
  const { result } = settle({ env: { path: 'C:\\nodejs', NEW: '' } }, withUsual());
  if (result instanceof AwError) throw result;
  const fields = runMessage(result, login, 'C:\\Temp\\aw-1').toString().split('\0');
  const count = Number(fields[5]);
  const set = fields.slice(6, 6 + 2 * count);
  expect(set).toEqual(['Path', 'C:\\nodejs', 'NEW', '', 'AW_RUN_ID', 'r1', 'AW_HOST', 'a']);
  expect(fields.slice(6 + 2 * count)).toEqual(['1', 'SSH_CLIENT']);
});

test('an answer to another question is refused', () => {
  const looks = createLooks();
  looks.openPaths.add('C:\\a');
  expect(() => takeLooks(looks, ['ff'])).toThrow(expect.objectContaining({ code: 'AW_PROTOCOL_GARBAGE' }));
});
