import { describe, expect, test } from 'vitest';
import type { Command } from '../../../contract/follower-api.ts';
import type { ShellName } from '../../../contract/names.ts';
import { type Machine, windowsFacts } from '../../../test/properties/machines.ts';
import { stripOuterQuotes } from '../../../test/properties/models/cmd.ts';
import { parseCygwin } from '../../../test/properties/models/cygwin.ts';
import { commandLine } from '../checks.ts';
import { adapt } from '../index.ts';

const GIT = 'C:\\Program Files\\Git';
const base = windowsFacts();
const machine: Machine = {
  shells: {
    ...base.shells,
    bash: `${GIT}\\bin\\bash.exe`,
    pwsh: 'C:\\Program Files\\PowerShell\\7\\pwsh.exe',
  },
  files: {
    [`${GIT}\\usr\\bin\\find.exe`]: 'executable',
    [`${GIT}\\usr\\bin\\msys-2.0.dll`]: 'executable',
    'C:\\Windows\\System32\\curl.exe': 'executable',
    'C:\\100%\\tool.cmd': '@rem',
    'S:\\proj\\configure': '#!/bin/sh\n',
    'S:\\proj\\do.ps1': 'executable',
    'C:\\tools\\in path.ps1': 'executable',
  },
};
const facts = windowsFacts(machine);

function run(command: Command | string[], shell?: ShellName) {
  const given: Command = Array.isArray(command) ? { kind: 'argv', argv: command } : command;
  return adapt({ command: given, loginShell: 'powershell', ...(shell && { shell }) }, facts);
}
const script = (text: string, ...args: string[]): Command => ({ kind: 'script', script: text, args });

describe('programs', () => {
  test('are started directly, without a word of quoting', () => {
    expect(run(['app', 'a "b"', ''])).toEqual({
      file: 'C:\\tools\\app.exe',
      args: ['a "b"', ''],
      env: facts.env,
      cwd: 'S:\\proj',
    });
  });

  test.each(['cmd', 'pwsh', 'powershell', 'bash'] as const)(
    'are started directly with --shell %s too',
    shell => {
      expect(run(['app', 'x'], shell)).toEqual(run(['app', 'x']));
    },
  );

  test('of the MSYS runtime get a line with every word quoted', () => {
    const invocation = run([`${GIT}\\usr\\bin\\find.exe`, '*.js', 'a"b', 'C:\\dir\\']);
    expect(invocation.verbatim).toBe(true);
    const line = commandLine(invocation);
    expect(parseCygwin(line, true)).toEqual([`${GIT}\\usr\\bin\\find.exe`, '*.js', 'a"b', 'C:\\dir\\']);
  });
});

describe('batch files', () => {
  test('go through cmd.exe by its absolute path, as one quoted line', () => {
    expect(run(['build', 'a b', '100%', 'plain', 'x\\'])).toEqual({
      file: 'C:\\Windows\\System32\\cmd.exe',
      argv0: '"C:\\Windows\\System32\\cmd.exe"',
      args: [
        '/e:ON',
        '/v:OFF',
        '/d',
        '/s',
        '/c',
        '""C:\\tools\\build.bat" "a b" "100%%cd:~,%" plain "x\\\\""',
      ],
      env: facts.env,
      cwd: 'S:\\proj',
      verbatim: true,
    });
  });

  test('may lie in a directory with a percent sign', () => {
    const line = stripOuterQuotes(run(['C:\\100%\\tool']).args.at(-1)!);
    expect(line).toBe('"C:\\100%%cd:~,%\\tool.cmd"');
  });

  test('find cmd.exe by SystemRoot where it is not known', () => {
    const bare = windowsFacts({ shells: {}, env: { PATH: 'C:\\tools', SYSTEMROOT: 'D:\\Win' } });
    const { file } = adapt({ command: { kind: 'argv', argv: ['build'] }, loginShell: 'cmd' }, bare);
    expect(file).toBe('D:\\Win\\System32\\cmd.exe');
  });
});

describe('--shell cmd', () => {
  test('runs its own commands', () => {
    expect(run(['dir', '/b', 'a b'], 'cmd').args.at(-1)).toBe('"dir /b "a b""');
    expect(run(['ECHO', 'a&b'], 'cmd').args.at(-1)).toBe('"ECHO "a&b""');
  });

  test('runs scripts from a file with CRLF lines', () => {
    const invocation = run(script('echo %1\nexit /b 3', 'a b'), 'cmd');
    expect(invocation.args.at(-1)).toBe('""C:\\scratch\\run\\script.cmd" "a b""');
    const [file] = invocation.files!;
    expect(file!.name).toBe('script.cmd');
    expect(Buffer.from(file!.content).toString()).toBe(
      '@echo off\r\n@chcp 65001 >nul\r\necho %1\r\nexit /b 3\r\n',
    );
  });
});

describe('--shell bash', () => {
  test("prefers the shell's own programs to those of Windows", () => {
    expect(run(['find', '.'], 'bash').file).toBe(`${GIT}\\usr\\bin\\find.exe`);
    expect(run(['find', '.']).file).toBe('C:\\Windows\\System32\\find.exe');
  });

  test('lets the shell start what Windows cannot', () => {
    const invocation = run(['./configure', '--prefix=C:\\x y\\'], 'bash');
    expect(invocation.file).toBe(`${GIT}\\bin\\bash.exe`);
    expect(parseCygwin(commandLine(invocation), true).slice(-4)).toEqual([
      '-c',
      'exec "$0" "$@"',
      './configure',
      '--prefix=C:\\x y\\',
    ]);
  });

  test('runs scripts, long ones from a file', () => {
    const short = run(script('echo "$1"\n', 'a\nb'), 'bash');
    expect(parseCygwin(commandLine(short), true).slice(-4)).toEqual(['--', 'echo "$1"\n', 'bash', 'a\nb']);
    const long = run(script('echo x\n'.repeat(5000), 'arg'), 'bash');
    expect(parseCygwin(commandLine(long), true).slice(-2)).toEqual(['C:/scratch/run/script', 'arg']);
    expect(long.files).toEqual([{ name: 'script', content: Buffer.from('echo x\n'.repeat(5000)) }]);
  });

  test.each(['', '-c'])('refuses the name %j', name => {
    expect(() => run([name], 'bash')).toThrow(/was not found/);
  });
});

describe('PowerShell', () => {
  const POWERSHELL = facts.shells.powershell;
  const PWSH = facts.shells.pwsh;

  test.each(['Get-Item', 'gci', 'ls', 'ConvertTo-Json', '.\\do.ps1', 'do.PS1', 'in path.ps1'])(
    'is given %s without being asked for',
    name => {
      const known = name === 'do.PS1' ? windowsFacts({ ...machine, env: { Path: 'S:\\proj' } }) : facts;
      const command: Command = { kind: 'argv', argv: [name] };
      expect(adapt({ command, loginShell: 'powershell' }, known).file).toBe(POWERSHELL);
      expect(adapt({ command, loginShell: 'cmd' }, known).file).toBe(PWSH);
    },
  );

  test.each(['docker-compose', 'nope', 'No-Such', '.\\Get-Item'])('is not given %s', name => {
    expect(() => run([name])).toThrow(/was not found/);
  });

  test('of a name that is a program and an alias: the program, unless PowerShell is asked for', () => {
    expect(run(['curl']).file).toBe('C:\\Windows\\System32\\curl.exe');
    const shadowed = windowsFacts({
      ...machine,
      files: { ...machine.files, 'C:\\tools\\ls.exe': 'executable' },
    });
    const command: Command = { kind: 'argv', argv: ['ls'] };
    expect(adapt({ command, loginShell: 'powershell' }, shadowed).file).toBe('C:\\tools\\ls.exe');
    expect(adapt({ command, loginShell: 'cmd', shell: 'pwsh' }, shadowed).file).toBe(PWSH);
  });

  test('asked for, is given every name that is no program', () => {
    expect(run(['My-Function'], 'pwsh').file).toBe(PWSH);
    expect(run(['docker-compose'], 'powershell').file).toBe(POWERSHELL);
  });

  test('runs scripts when it is the shell', () => {
    expect(run(script('Get-Item .')).file).toBe(POWERSHELL);
    expect(run(script('Get-Item .'), 'pwsh').file).toBe(PWSH);
  });

  test('is not there: the error is that of the name, or of the .ps1', () => {
    const without = windowsFacts({ ...machine, shells: { cmd: base.shells.cmd! } });
    const attempt = (name: string) =>
      adapt({ command: { kind: 'argv', argv: [name] }, loginShell: 'cmd' }, without);
    expect(() => attempt('Get-Item')).toThrow(/"Get-Item" was not found/);
    expect(() => run(['.\\missing.ps1'])).toThrow(
      /missing.ps1" was not found; searched "S:\\\\proj\\\\missing.ps1"/,
    );
  });
});
