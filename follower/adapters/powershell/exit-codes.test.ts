/** One table: how PowerShell itself ends with -File and with -Command, and how a run of ours ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bareEnvironment, pwsh, runInvocation, runToEnd } from '../../../test/support/powershell.ts';
import { requires } from '../../../test/support/require.ts';
import { powershellInvocation } from './index.ts';

const FAILS = 'Get-Command no-such-thing';
const WORKS = '$null = Get-Command Get-Command';
const native = (code: number) => `sh -c 'exit ${code}'`;

/** What, the script, then the exit code with -File, with -Command, and ours. */
const MATRIX: readonly (readonly [string, string, number, number, number])[] = [
  ['exit 3', 'exit 3', 3, 3, 3],
  ['exit 256', 'exit 256', 0, 0, 0],
  ['exit -1', 'exit -1', 255, 255, 255],
  ['throw', 'throw "x"', 1, 1, 1],
  ['an error made terminating', `$ErrorActionPreference = 'Stop'\n${FAILS}\n${WORKS}`, 1, 1, 1],
  ['a division by zero', '1/0', 0, 1, 1],
  ['native failure last', native(128), 0, 1, 128],
  ['native killed last', "sh -c 'kill -KILL $$'", 0, 1, 137],
  ['native failure, then a cmdlet', `${native(42)}\n${WORKS}`, 0, 0, 42],
  ['native failure, then a native success', `${native(42)}\n${native(0)}`, 0, 0, 0],
  ['failing cmdlet last', FAILS, 0, 1, 1],
  ['failing cmdlet, then output', `${FAILS}\n'on'`, 0, 0, 0],
  ['command not found last', 'no-such-thing', 0, 1, 1],
  ['method of null last', '$null.Foo()', 0, 1, 1],
  ['parse error', 'if (', 1, 1, 1],
  ['failing cmdlet, then return', `${FAILS}\nreturn`, 0, 1, 0],
  ['native failure, then break', `${native(5)}\nbreak`, 0, 1, 5],
  ['exit with no number', 'exit "abc"', 0, 0, 0],
  ['bare exit after a native failure', `${native(7)}\nexit`, 0, 0, 0],
  ['Environment.Exit', '[Environment]::Exit(77)', 77, 77, 77],
];

describe.skipIf(!requires('powershell', pwsh !== undefined))('PowerShell ends with', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'aw-exit-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const codeOf = (...args: string[]) =>
    runToEnd(pwsh!, ['-NoProfile', '-NonInteractive', ...args], { cwd: dir, env: bareEnvironment }).code;

  test.each(MATRIX)('%s', (_, script, withFile, withCommand, ours) => {
    const file = join(dir, 'script.ps1');
    writeFileSync(file, script);
    const invocation = powershellInvocation(
      { command: { kind: 'script', script }, loginShell: 'pwsh' },
      {
        os: 'linux',
        env: bareEnvironment,
        cwd: dir,
        shells: { pwsh: pwsh! },
        scratch: join(dir, 'scratch'),
        probe: () => 'missing',
        readText: () => undefined,
      },
    );
    expect({
      withFile: codeOf('-File', file),
      withCommand: codeOf('-Command', script),
      ours: runInvocation(invocation, join(dir, 'scratch')).code,
    }).toEqual({ withFile, withCommand, ours });
  });

  test.each([
    ['an unknown switch', ['-NoSuchSwitch'], 64],
    ['a file that is not there', ['-File', 'no-such.ps1'], 64],
    ['an encoded command', ['-EncodedCommand', Buffer.from('exit 5', 'utf16le').toString('base64')], 5],
    [
      'switches that say how, not what',
      ['-NoLogo', '-ExecutionPolicy', 'Bypass', '-NonInteractive', '-Command', 'exit', '4'],
      4,
    ],
  ])('%s', (_, args, code) => {
    expect(codeOf(...args)).toBe(code);
  });
});
