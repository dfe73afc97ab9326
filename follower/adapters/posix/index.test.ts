import { describe, expect, test } from 'vitest';
import type { Command } from '../../../contract/follower-api.ts';
import { linuxFacts } from '../../../test/properties/machines.ts';
import { adapt } from '../index.ts';

const files = { '/proj/do.ps1': 'denied', '/usr/bin/Get-Thing': 'executable' };
const pwsh = '/usr/bin/pwsh';
const facts = linuxFacts({ files, shells: { ...linuxFacts().shells, pwsh } });
const argv = (...words: string[]): Command => ({ kind: 'argv', argv: words });

test('a command is spawned as it is, whatever the login shell', () => {
  for (const loginShell of ['bash', 'fish', 'pwsh'] as const)
    expect(adapt({ command: argv('app', '--%', '$HOME'), loginShell }, facts)).toEqual({
      file: '/usr/bin/app',
      argv0: 'app',
      args: ['--%', '$HOME'],
      env: facts.env,
      cwd: '/proj',
    });
});

test('a script goes to --shell, else to the login shell', () => {
  const command: Command = { kind: 'script', script: 'x', args: ['-c', ''] };
  expect(adapt({ command, loginShell: 'zsh' }, facts)).toMatchObject({
    file: '/bin/zsh',
    args: ['-f', '-c', '--', 'x', 'zsh', '-c', ''],
  });
  expect(adapt({ command, loginShell: 'zsh', shell: 'fish' }, facts)).toMatchObject({
    file: '/usr/bin/fish',
    args: ['--no-config', '-c', 'x', '--', '-c', ''],
  });
  expect(() => adapt({ command, loginShell: 'mksh' }, facts)).toThrow(/shell mksh cannot be used/);
  expect(() => adapt({ command, loginShell: 'cmd' }, { ...facts, shells: { cmd: '/bin/cmd' } })).toThrow(
    /linux/,
  );
});

test('a script of 128 KiB goes through a file', () => {
  const command = (script: string): Command => ({ kind: 'script', script, args: ['a'] });
  const inline = adapt({ command: command('#'.repeat(131_071)), loginShell: 'sh' }, facts);
  expect(inline.files).toBeUndefined();
  const filed = adapt({ command: command('#'.repeat(131_072)), loginShell: 'sh' }, facts);
  expect(filed.args).toEqual(['/scratch/script', 'a']);
  expect(filed.files).toEqual([{ name: 'script', content: Buffer.from('#'.repeat(131_072)) }]);
});

test('a shell that is BusyBox itself is told which applet to be', () => {
  const busybox = linuxFacts({ shells: { ash: '/bin/busybox' } });
  const { args } = adapt({ command: { kind: 'script', script: 'x' }, loginShell: 'ash' }, busybox);
  expect(args).toEqual(['ash', '-c', '--', 'x', 'ash']);
});

describe('--shell pwsh', () => {
  const withPwsh = (...words: string[]) =>
    adapt({ command: argv(...words), loginShell: 'sh', shell: 'pwsh' }, facts);

  test('spawns programs directly, also one named like a cmdlet', () => {
    expect(withPwsh('app', '--%').file).toBe('/usr/bin/app');
    expect(withPwsh('Get-Thing').file).toBe('/usr/bin/Get-Thing');
  });

  test('runs what is no program, and .ps1 files', () => {
    expect(withPwsh('Get-ChildItem').file).toBe(pwsh);
    expect(withPwsh('My-Function').file).toBe(pwsh);
    expect(withPwsh('./do.ps1').file).toBe(pwsh);
    expect(() => withPwsh('./missing.ps1')).toThrow(/was not found/);
    expect(() => withPwsh('./missing')).toThrow(/was not found/);
  });

  test('as login shell runs cmdlets, but leaves other names missing', () => {
    const run = (name: string) => adapt({ command: argv(name), loginShell: 'pwsh' }, facts);
    expect(run('Get-ChildItem').file).toBe(pwsh);
    expect(() => run('My-Function')).toThrow(/was not found/);
    expect(() => adapt({ command: argv('Get-ChildItem'), loginShell: 'sh' }, facts)).toThrow(/was not found/);
  });
});
