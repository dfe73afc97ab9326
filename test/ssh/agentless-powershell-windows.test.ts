/**
 * Windows hosts without an agent, in Wine behind a real sshd: its cmd.exe as the login shell, PowerShell's engine as a Windows
 * program, process creation, command lines, exit codes and environment of Windows.
 *
 * Wine's cmd.exe does not know what keeps `%` for a batch file, so that is not asked of it here.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchRepresentable, representable } from '../properties/vectors.ts';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';
import { hasWine, startWine, type Wine } from '../support/wine.ts';

/** Prints the words behind `--`, as the program itself has them from Windows. */
const SHOW = `$all = [Environment]::GetCommandLineArgs()
$text = ''
for ($at = [Array]::IndexOf($all, '--') + 1; $at -lt $all.Length; $at++) { $text += $all[$at] + [char]0 }
$bytes = [Text.Encoding]::UTF8.GetBytes($text)
$out = [Console]::OpenStandardOutput(); $out.Write($bytes, 0, $bytes.Length); $out.Flush()`;
const SHOW_ARGS = ['-NoProfile', '-EncodedCommand', Buffer.from(SHOW, 'utf16le').toString('base64'), '--'];

/** Wine starts slowly. */
describe.skipIf(!hasSshd || !hasWine)('Windows without an agent', { timeout: 180_000 }, () => {
  let dir: string;
  let wine: Wine;
  let fleet: SshFleet;

  beforeAll(async () => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-wine-')));
    wine = startWine(join(dir, 'prefix'));
    mkdirSync(join(wine.drive, 'w'));
    // As sshd there hands it to cmd.exe.
    const login = join(dir, 'login');
    writeFileSync(login, '#!/bin/sh\nexec wine cmd.exe /c "$SSH_ORIGINAL_COMMAND"\n', { mode: 0o755 });
    fleet = await makeSshFleet(
      [{ name: 'win', transport: 'ssh', os: 'windows', workspace: 'C:\\w', agentless: true, shell: 'pwsh' }],
      () => ({ env: wine.env, config: [`ForceCommand ${login}`] }),
    );
  }, 400_000);
  afterAll(async () => {
    try {
      wine?.stop();
      await fleet?.stop();
    } finally {
      rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
    }
  }, 120_000);

  const workspace = (file: string) => join(wine.drive, 'w', file);
  const run = async (...args: string[]) => {
    const { events } = await fleet.run(args);
    const [stdout, stderr] = (['stdout', 'stderr'] as const).map(stream => outputOf(events, 'win', stream));
    return { exit: exitOf(events, 'win'), stdout: stdout!, stderr: stderr!.toString() };
  };
  const argv = (output: Buffer) => output.toString().split('\0').slice(0, -1);

  test('every vector', async () => {
    const { exit, stdout } = await run('--', 'pwsh', ...SHOW_ARGS, ...representable);
    expect(argv(stdout)).toEqual(representable);
    expect(exit).toMatchObject({ code: 0, reason: 'exited' });
  });

  test('a batch file gets what it can be given, and refuses the rest', async () => {
    writeFileSync(workspace('tool.cmd'), `@pwsh.exe ${SHOW_ARGS.join(' ')} %*\r\n`);
    const args = batchRepresentable.filter(each => !each.includes('%'));
    const { stdout } = await run('--', '.\\tool', ...args);
    expect(argv(stdout)).toEqual(args);
    expect((await run('--', '.\\tool', 'a\nb')).exit).toMatchObject({
      error: { code: 'AW_ARG_NEWLINE_BATCH' },
    });
    expect(existsSync(workspace('pwn.txt'))).toBe(false);
  });

  test.each([0, 1, 255, 256, 3010, 0xc0000005])('exit code %i', async code => {
    const { exit } = await run('--shell', 'cmd', '-c', `exit ${code | 0}`);
    expect(exit).toMatchObject({ code, reason: 'exited' });
  });

  test('a script of PowerShell, with its arguments, errors and exit code', async () => {
    const script =
      '[Console]::Out.Write($args[0] + "|" + $env:VALUE + "|" + [Environment]::CurrentDirectory); [Console]::Error.Write("e"); exit 300';
    const { exit, stdout, stderr } = await run('--env', 'VALUE=ü "x" %A%', '-c', script, '--', "it's €");
    expect(stdout.toString()).toBe(`it's €|ü "x" %A%|C:\\w`);
    // Wine says something of its own there, in lines.
    expect([stderr.split('\n').at(-1), exit.code]).toEqual(['e', 300]);
    const left = execFileSync('find', [wine.drive, '-name', 'run.ps1'], { encoding: 'utf8' });
    expect(left).toBe('');
  });

  test('input and output are bytes', async () => {
    const input = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 256));
    const copy = '[Console]::OpenStandardInput().CopyTo([Console]::OpenStandardOutput())';
    const encoded = Buffer.from(copy, 'utf16le').toString('base64');
    const args = [
      'agent',
      'run-everywhere',
      '--output',
      'json',
      '--stdin',
      '--',
      'pwsh',
      '-EncodedCommand',
      encoded,
    ];
    const { stdout } = await fleet.aw(args, { input });
    expect(outputOf(parseEvents(stdout), 'win').equals(input)).toBe(true);
  });

  test('names are looked up by PATH and PATHEXT, never in the working directory', async () => {
    writeFileSync(workspace('planted.cmd'), '@echo pwned\r\n');
    expect((await run('--', 'planted')).exit).toMatchObject({
      code: 127,
      error: { code: 'AW_CMD_NOT_FOUND' },
    });
    const found = await run('--env', 'PATH=C:\\w', '--', 'PLANTED');
    expect(found.stdout.toString()).toBe('pwned\r\n');
  });

  test('a cancel ends everything', async () => {
    const leader = fleet.start([
      'agent',
      'run-everywhere',
      '--output',
      'json',
      '-c',
      '[IO.File]::WriteAllText("ready", ""); [Threading.Thread]::Sleep(600000)',
    ]);
    const stdout: Buffer[] = [];
    leader.stdout!.on('data', chunk => stdout.push(chunk));
    await eventually(() => existsSync(workspace('ready')), 'it runs', 2400);
    leader.kill('SIGINT');
    expect((await once(leader, 'close'))[0]).toBe(130);
    expect(exitOf(parseEvents(Buffer.concat(stdout)), 'win')).toMatchObject({
      code: null,
      reason: 'cancelled',
    });
    const tasks = () =>
      execFileSync('wine', ['tasklist.exe'], { env: wine.env, encoding: 'utf8', stdio: 'pipe' });
    await eventually(() => !/pwsh/i.test(tasks()), 'nothing is left');
  });
});
