import { expect, test } from 'vitest';
import { type Machine, windowsFacts } from '../../../test/properties/machines.ts';
import { shimTarget } from './shim.ts';

const DIR = 'S:\\proj\\node_modules\\.bin';
const SCRIPT = 'S:\\proj\\node_modules\\tsc\\bin\\tsc';
const crlf = (...lines: string[]) => `${lines.join('\r\n')}\r\n`;

/** As npm 7 and later write it. */
const npmShim = (options = '') =>
  crlf(
    '@ECHO off',
    'GOTO start',
    ':find_dp0',
    'SET dp0=%~dp0',
    'EXIT /b',
    ':start',
    'SETLOCAL',
    'CALL :find_dp0',
    '',
    'IF EXIST "%dp0%\\node.exe" (',
    '  SET "_prog=%dp0%\\node.exe"',
    ') ELSE (',
    '  SET "_prog=node"',
    '  SET PATHEXT=%PATHEXT:;.JS;=;%',
    ')',
    '',
    `endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%" ${options} "%dp0%\\..\\tsc\\bin\\tsc" %*`,
  );

/** As pnpm and yarn write it, with or without NODE_PATH. */
const pnpmShim = (nodePath?: string) =>
  crlf(
    '@SETLOCAL',
    ...(nodePath === undefined
      ? []
      : [
          '@IF NOT DEFINED NODE_PATH (',
          `  @SET "NODE_PATH=${nodePath}"`,
          ') ELSE (',
          `  @SET "NODE_PATH=${nodePath};%NODE_PATH%"`,
          ')',
        ]),
    '@IF EXIST "%~dp0\\node.exe" (',
    '  "%~dp0\\node.exe"  "%~dp0\\..\\tsc\\bin\\tsc" %*',
    ') ELSE (',
    '  @SET PATHEXT=%PATHEXT:;.JS;=;%',
    '  node  "%~dp0\\..\\tsc\\bin\\tsc" %*',
    ')',
  );

function target(text: string, machine: Machine = {}) {
  const files = {
    [`${DIR}\\tsc.cmd`]: text,
    [SCRIPT]: 'executable',
    'C:\\tools\\node.exe': 'executable',
    ...machine.files,
  };
  const facts = windowsFacts({ ...machine, files });
  return shimTarget(`${DIR}\\tsc.cmd`, facts);
}

test.each([
  ['npm', npmShim()],
  ['pnpm and yarn', pnpmShim()],
  ['an old npm', pnpmShim().replaceAll('\r\n', '\n')],
  ['the yarn installer', crlf('@echo off', 'node "%~dp0\\..\\tsc\\bin\\tsc" %*')],
])('a shim of %s becomes node and its script', (_, text) => {
  expect(target(text)).toMatchObject({ file: 'C:\\tools\\node.exe', args: [SCRIPT] });
});

test.each([npmShim(), pnpmShim()])('a node.exe beside the shim comes first', text => {
  const files = { [`${DIR}\\node.exe`]: 'executable' };
  expect(target(text, { files })?.file).toBe(`${DIR}\\node.exe`);
});

test('a shim may name its node, and options for it', () => {
  const files = { 'D:\\n 20\\node.exe': 'executable' };
  expect(target('@"D:\\n 20\\node.exe"  "%~dp0\\..\\tsc\\bin\\tsc" %*', { files })?.file).toBe(
    'D:\\n 20\\node.exe',
  );
  expect(target(npmShim('--harmony --max-old-space-size=4096'))?.args).toEqual([
    '--harmony',
    '--max-old-space-size=4096',
    SCRIPT,
  ]);
});

test("pnpm's NODE_PATH is set, before one that is there", () => {
  const text = pnpmShim('S:\\proj\\a;S:\\proj\\b');
  expect(target(text)?.env).toMatchObject({ NODE_PATH: 'S:\\proj\\a;S:\\proj\\b' });
  const env = { Path: 'C:\\tools', Node_Path: 'D:\\c' };
  expect(target(text, { env })?.env).toEqual({
    Path: 'C:\\tools',
    NODE_PATH: 'S:\\proj\\a;S:\\proj\\b;D:\\c',
  });
});

test('a shim of a program is that program', () => {
  const files = { 'S:\\proj\\node_modules\\x\\x.exe': 'executable' };
  expect(target(crlf('@ECHO off', '"%~dp0\\..\\x\\x.exe"   %*'), { files })).toMatchObject({
    file: 'S:\\proj\\node_modules\\x\\x.exe',
    args: [],
  });
});

test.each([
  ['does something else too', `${pnpmShim()}@echo done\r\n`],
  ['sets a variable', npmShim().replace('SETLOCAL', 'SETLOCAL\r\n@SET FOO=bar')],
  ['runs another interpreter', npmShim().replaceAll('node', 'python')],
  ['runs two scripts', pnpmShim().replace('tsc" %*', 'other" %*')],
  ['runs its script with other options in one branch', pnpmShim().replace('node  "', 'node --inspect "')],
  ['passes on other arguments', pnpmShim().replaceAll('%*', '%1')],
  ['names a script by a variable', pnpmShim().replaceAll('..\\tsc', '%NAME%')],
  ['is empty', ''],
  [
    'asks npm for its prefix, as npm.cmd does',
    crlf('@ECHO OFF', 'SETLOCAL', 'SET "NODE_EXE=%~dp0\\node.exe"', '"%NODE_EXE%" "%NPM_CLI_JS%" %*'),
  ],
])('a batch file that %s is no shim', (_, text) => {
  expect(target(text)).toBeUndefined();
});

test('a shim whose script, node or text is not there is run as a batch file', () => {
  expect(target(npmShim(), { files: { [SCRIPT]: 'directory' } })).toBeUndefined();
  expect(target(npmShim(), { env: { Path: 'C:\\nowhere' } })).toBeUndefined();
  const files = { 'C:\\first\\node.cmd': '@rem' };
  expect(target(npmShim(), { files, env: { Path: 'C:\\first;C:\\tools' } })).toBeUndefined();
  expect(target(npmShim(), { readText: () => undefined })).toBeUndefined();
});
