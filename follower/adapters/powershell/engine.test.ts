/** What the invocations do in the real engine. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Command } from '../../../contract/follower-api.ts';
import { anyArgument } from '../../../test/properties/arbitraries.ts';
import { representable } from '../../../test/properties/vectors.ts';
import { bareEnvironment, type Ended, pwsh, runInvocation } from '../../../test/support/powershell.ts';
import { requires } from '../../../test/support/require.ts';
import { adapt } from '../index.ts';
import type { HostFacts } from '../types.ts';

/** Prints a list of strings so that any string survives: base64 of UTF-8, each ended by a NUL. */
const PRINT =
  'function show { foreach ($s in $args[0]) { $t += [string]$s + [char]0 }; [Console]::Out.WriteLine([Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([string]$t))) }\n';

const FILES: Record<string, string> = {
  'args.ps1': `${PRINT}show $args`,
  'rest.ps1': `param([string] $Name, [switch] $Force, [Parameter(ValueFromRemainingArguments)] $Rest)\n${PRINT}show @($Name, $Force); show $Rest`,
  'forward.ps1': '& "$([IO.Path]::Combine($PSScriptRoot, \'rest.ps1\'))" @args',
  'exit.ps1': 'exit $args[0]',
  'native.ps1': 'sh -c "exit 9"\n$null = 1',
  'break.ps1': 'break',
  'throws.ps1': 'throw "it broke"',
  'broken.ps1': '"fine"\nif (',
  'input.ps1': '$input | ForEach-Object { [Console]::Out.WriteLine("<$_>") }',
  'reads.ps1': 'sh -c "cat"',
  "o'dd [x]/`s $1.ps1": `${PRINT}show @($PSCommandPath)`,
  'modules/AwThings/AwThings.psd1':
    "@{ ModuleVersion = '1.0'; RootModule = 'AwThings.psm1'; FunctionsToExport = '*-Aw*'; AliasesToExport = 'gawt', 'awsh' }",
  'modules/AwThings/AwThings.psm1': `${PRINT}$ExecutionContext.InvokeProvider.Item.Set('Alias:awsh', 'sh')
function Get-AwThing { [Alias('gawt')] param($Path, [switch] $Recurse) show @($Path, $Recurse) }
function Get-AwArgument { show $args }
function Set-AwFailure { [CmdletBinding()] param() $PSCmdlet.WriteError([Management.Automation.ErrorRecord]::new([Exception]::new('nope'), 'x', 0, $null)) }
Export-ModuleMember -Function *-Aw* -Alias gawt, awsh`,
};

describe.skipIf(!requires('powershell', pwsh !== undefined))('PowerShell', () => {
  let dir: string;
  let facts: HostFacts;

  beforeAll(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-powershell-')));
    for (const [name, content] of Object.entries(FILES)) {
      mkdirSync(join(dir, name, '..'), { recursive: true });
      writeFileSync(join(dir, name), content);
    }
    facts = {
      os: process.platform === 'darwin' ? 'macos' : 'linux',
      env: { ...bareEnvironment, HOME: dir, PSModulePath: join(dir, 'modules') },
      cwd: dir,
      shells: { pwsh: pwsh! },
      scratch: join(dir, "it's [scratch] `1"),
      probe: path => (statSync(path, { throwIfNoEntry: false })?.isFile() === true ? 'denied' : 'missing'),
      readText: path => readFileSync(path, 'utf8'),
    };
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function run(command: Command, input?: string | Buffer): Ended {
    return runInvocation(adapt({ command, shell: 'pwsh', loginShell: 'sh' }, facts), facts.scratch, input);
  }
  const runCommand = (...argv: string[]) => run({ kind: 'argv', argv });
  const runScript = (script: string, ...args: string[]) => run({ kind: 'script', script, args });

  function lists({ stdout, stderr }: Ended): string[][] {
    expect(stderr).toBe('');
    const lines = stdout.split('\n').slice(0, -1);
    return lines.map(line => Buffer.from(line, 'base64').toString().split('\0').slice(0, -1));
  }

  describe('arguments arrive exactly', () => {
    const data = representable.map(text => (/^`*-[a-z_]/i.test(text) ? `\`${text}` : text));

    test('in $args of a .ps1', () => {
      expect(lists(runCommand('./args.ps1', ...representable))).toEqual([[...representable]]);
    });

    test('in a parameter that takes the rest, data marked as such', () => {
      const [named, rest] = lists(runCommand('./rest.ps1', '-Name', 'x', '-Force', ...data));
      expect(named).toEqual(['x', 'True']);
      expect(rest).toEqual(representable);
    });

    test('in $args of a function', () => {
      expect(lists(runCommand('Get-AwArgument', ...representable))).toEqual([[...representable]]);
    });

    test('in $args of a script', () => {
      expect(lists(runScript(`${PRINT}show $args`, ...representable))).toEqual([[...representable]]);
    });

    test('in a parameter of a script', () => {
      const script = `param($First, [Parameter(ValueFromRemainingArguments)] $Rest)\n${PRINT}show $Rest`;
      expect(lists(runScript(script, '-First', '1', ...data))).toEqual([[...representable]]);
    });

    test('whatever they are', () => {
      const isEscaped = (text: string) => /^`+-[\p{L}_]/u.test(text);
      const batch = fc.array(
        anyArgument.filter(text => !isEscaped(text)),
        { minLength: 100, maxLength: 150 },
      );
      fc.assert(
        fc.property(batch, args => {
          expect(lists(runCommand('./args.ps1', ...args))).toEqual([args]);
        }),
        { numRuns: 8, endOnFailure: true },
      );
    });
  });

  describe('parameters', () => {
    test.each([
      [
        ['-Path', 'a b', '-Recurse'],
        ['a b', 'True'],
      ],
      [
        ['-Recurse:$false', '-Path:-x'],
        ['-x', 'False'],
      ],
      [
        ['-Path:', '-weird'],
        ['-weird', 'False'],
      ],
      [['`-Recurse'], ['-Recurse', 'False']],
      [['a,b'], ['a,b', 'False']],
    ])('%j', (args, expected) => {
      expect(lists(runCommand('Get-AwThing', ...args))).toEqual([expected]);
    });

    test('of an alias', () => {
      expect(lists(runCommand('gawt', '-Path', '1'))).toEqual([['1', 'False']]);
    });

    test('that a .ps1 without any hands on', () => {
      expect(lists(runCommand('./forward.ps1', '-Force', '-Name', 'n', 'r'))).toEqual([['n', 'True'], ['r']]);
    });
  });

  test('a .ps1 of any name is found, and knows its own', () => {
    const name = "o'dd [x]/`s $1.ps1";
    expect(lists(runCommand(`./${name}`))).toEqual([[join(dir, name)]]);
  });

  describe('exit codes of commands', () => {
    test.each([
      [['./exit.ps1', '0'], 0],
      [['./exit.ps1', '3'], 3],
      [['./native.ps1'], 9],
      [['./break.ps1'], 0],
      [['./throws.ps1'], 1],
      [['./broken.ps1'], 1],
      [['Get-Command', 'Get-Command'], 0],
      [['Get-Command', 'no-such-thing'], 1],
      [['Set-AwFailure'], 1],
    ])('%j: %i', (argv, code) => {
      expect(runCommand(...argv).code).toBe(code);
    });

    test('a command that there is not: 127', () => {
      expect(runCommand('Get-NoSuchThing', 'x')).toEqual({
        code: 127,
        stdout: '',
        stderr: 'Get-NoSuchThing: not found: PowerShell has no such cmdlet, function, alias or script file\n',
      });
    });

    test('an alias of a program is not run: its arguments would change', () => {
      expect(runScript("awsh -c 'exit 5'").code).toBe(5);
      expect(runCommand('awsh', '-c', 'exit 5').code).toBe(127);
    });
  });

  describe('scripts', () => {
    test('a parse error is told with the line and column of the user, before anything runs', () => {
      const { code, stdout, stderr } = runScript('[Console]::Out.Write("ran")\r\n\r\n  if (1 -eq) { }\n');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^line 3, column 12: \S.*\n {6}if \(1 -eq\) \{ \}\n/);
    });

    test.each([
      ['a comment', '1 | Out-Null # end'],
      ['a line continuation', 'Get-Command Get-Command | Out-Null `\n'],
      ['a here-string', "$null = @'\nx\n'@"],
      ['a signature', '$null = 1\n# SIG # Begin signature block\n# x\n# SIG # End signature block\n'],
      ['nothing', ''],
      ['white space', ' \n\t\n'],
      ['named blocks', 'begin { $null = 1 } process { $null = 2 }'],
      ['a byte order mark first', '\ufeff$null = 1'],
      ['strict mode', 'Set-StrictMode -Version 3'],
    ])('that end with or hold %s succeed', (_, script) => {
      expect(runScript(script)).toEqual({ code: 0, stdout: '', stderr: '' });
    });

    test.each([
      ['begin', 'begin { exit 6 }', 6],
      ['a function', 'function f { exit 6 }\nf', 6],
      ['strict mode', 'Set-StrictMode -Version 3\nGet-Command no-such-thing', 1],
      ['a comment after a failure', 'Get-Command no-such-thing # why', 1],
    ])('that fail in %s do so', (_, script, code) => {
      expect(runScript(script).code).toBe(code);
    });

    test('go on after an error that a script survives', () => {
      expect(runScript('1/0\n[Console]::Out.Write("on")')).toMatchObject({ code: 0, stdout: 'on' });
    });

    test('have errors without colours, and text in UTF-8 both ways', () => {
      const { stdout, stderr } = run(
        { kind: 'script', script: '"ä😀"; $input; [Console]::Error.WriteLine("ö€"); Get-Command "nö-such"' },
        'ü–日本\n',
      );
      expect(stdout).toBe('ä😀\nü–日本\n');
      expect(stderr).toMatch(/^ö€\n/);
      expect(stderr).toContain("'nö-such'");
      expect(stderr).not.toContain('\x1b');
    });
  });

  describe('stdin', () => {
    test.each([
      ['a script with $input', { kind: 'script', script: '$input | % { "<$_>" }' }, '<a>\n<b>\n'],
      [
        'a script with a process block',
        { kind: 'script', script: 'process { "$_-${input}" }' },
        'a-a\nb-b\n',
      ],
      ['a .ps1 with $input', { kind: 'argv', argv: ['./input.ps1'] }, '<a>\n<b>\n'],
      ["a script's own children", { kind: 'script', script: 'cat' }, 'a\nb\n'],
      ["a .ps1's own children", { kind: 'argv', argv: ['./reads.ps1'] }, 'a\nb\n'],
    ] as const)('is for %s', (_, command, stdout) => {
      expect(run(command as Command, 'a\nb\n')).toEqual({ code: 0, stdout, stderr: '' });
    });
  });
});
