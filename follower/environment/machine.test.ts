import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Finding } from '../../contract/follower-api.ts';
import type { HostFacts } from '../adapters/types.ts';
import { linuxProcesses } from '../runs/processes-linux.ts';
import { discoverToolchains, findShells, userLoginShell } from './index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'aw-machine-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function program(path: string, text: string): string {
  const file = join(scratch, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

describe('shells', () => {
  test("POSIX: sh is the system's, others come from PATH first; relative entries do not count", () => {
    const there = new Set([
      '/bin/sh',
      '/opt/own/sh',
      '/opt/own/bash',
      '/bin/bash',
      'rel/zsh',
      '/opt/homebrew/bin/fish',
      '/usr/bin/zsh',
    ]);
    expect(findShells('macos', { PATH: 'rel::/opt/own/:/usr/bin' }, path => there.has(path))).toEqual({
      sh: '/bin/sh',
      bash: '/opt/own/bash',
      zsh: '/usr/bin/zsh',
      fish: '/opt/homebrew/bin/fish',
    });
  });
  test('Windows: System32 and the usual places; a bash that starts a Linux is none', () => {
    const there = new Set([
      'D:\\W\\System32\\cmd.exe', 'D:\\W\\System32\\WindowsPowerShell\\v1.0\\powershell.exe', 'C:\\Program Files\\PowerShell\\7\\pwsh.exe',
      'D:\\W\\System32\\bash.exe', 'C:\\Users\\x\\AppData\\Local\\Microsoft\\WindowsApps\\bash.exe', 'D:\\msys 64\\usr\\bin\\bash.exe', 'D:\\msys 64\\usr\\bin\\zsh.exe',
    ]); // biome-ignore format: one list
    const env = {
      systemroot: 'D:\\W',
      PATH: 'D:\\W\\System32;C:\\Users\\x\\AppData\\Local\\Microsoft\\WindowsApps;"D:\\msys 64\\usr\\bin";rel',
      GONE: undefined,
    };
    expect(findShells('windows', env, path => there.has(path))).toEqual({
      cmd: 'D:\\W\\System32\\cmd.exe',
      powershell: 'D:\\W\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
      pwsh: 'C:\\Program Files\\PowerShell\\7\\pwsh.exe',
      bash: 'D:\\msys 64\\usr\\bin\\bash.exe',
      zsh: 'D:\\msys 64\\usr\\bin\\zsh.exe',
    });
  });
  test.skipIf(process.platform === 'win32')('those of this machine are executable files', () => {
    const shells = findShells('linux', process.env);
    expect(shells.sh).toBe('/bin/sh');
    for (const path of Object.values(shells)) expect(statSync(path).isFile()).toBe(true);
  });
  test("the user's own: passwd entry, then $SHELL, then what the OS has", () => {
    const shells = { sh: '/bin/sh', bash: '/bin/bash', zsh: '/bin/zsh', pwsh: 'p', powershell: 'q' };
    const of = (os: 'linux' | 'macos' | 'windows', shell: string | undefined, SHELL?: string) =>
      userLoginShell({ os, shells, env: { SHELL }, user: { name: 'x', home: '/', shell } });
    expect(of('linux', '/usr/local/bin/zsh', '/bin/bash')).toBe('zsh');
    expect(of('linux', undefined, '/bin/zsh')).toBe('zsh');
    expect(of('linux', '/usr/sbin/nologin', '/bin/tcsh')).toBe('bash');
    expect(of('linux', '/usr/bin/fish')).toBe('bash');
    expect(of('macos', '/bin/tcsh')).toBe('zsh');
    expect(of('windows', undefined, '/bin/bash')).toBe('pwsh');
    expect(userLoginShell({ os: 'linux', shells: {}, env: {} })).toBeUndefined();
  });
});

describe.skipIf(process.platform !== 'linux')('toolchains', () => {
  const probe: HostFacts['probe'] = path => {
    try {
      const found = statSync(path);
      return found.isDirectory() ? 'directory' : (found.mode & 0o111) === 0 ? 'denied' : 'executable';
    } catch {
      return 'missing';
    }
  };
  const facts = (directory: string): HostFacts => ({
    os: 'linux',
    env: { PATH: join(scratch, directory) },
    cwd: scratch,
    shells: {},
    scratch,
    probe,
    readText: () => undefined,
  });

  test('one finding each, with version and path; what is missing or fails does not disturb the others', async () => {
    program('tools/node', '#!/bin/sh\necho v99.1\n');
    program('tools/java', '#!/bin/sh\nprintf "\\n\\033[1mjava 21\\n" >&2\n');
    program('tools/make', '#!/bin/sh\necho broken >&2; exit 3\n');
    program('tools/git', '#!/nowhere/at/all\n');
    const left = join(scratch, 'left');
    program('tools/dotnet', `#!/bin/sh\n/bin/sleep 5000 & echo $! >'${left}'\necho 10.0\n`);
    writeFileSync(join(scratch, 'tools/cargo'), 'x');
    const findings = await discoverToolchains(facts('tools'), 'sh');
    for (const finding of findings) Finding.parse(finding);
    const by = Object.fromEntries(findings.map(finding => [finding.check, finding]));
    expect(by['tool node']).toMatchObject({ status: 'ok', detail: `v99.1 (${join(scratch, 'tools/node')})` });
    expect(by['tool java']).toMatchObject({ status: 'ok', detail: expect.stringContaining('java 21 (') });
    expect(by['tool make']).toMatchObject({
      status: 'warning',
      detail: expect.stringContaining('failed (3): broken'),
    });
    expect(by['tool git']).toMatchObject({ status: 'warning', detail: expect.stringContaining('ENOENT') });
    expect(by['tool dotnet']).toMatchObject({ status: 'ok', detail: expect.stringContaining('10.0') });
    expect(by['tool cargo']).toMatchObject({ status: 'warning' });
    expect(by['tool go']).toEqual({ check: 'tool go', status: 'info', detail: 'not found on PATH' });
    process.kill(Number(readFileSync(left, 'utf8')), 'SIGKILL');
  });

  test('one that hangs is ended with what it started', async () => {
    const pids = join(scratch, 'pids');
    program('slow/npm', `#!/bin/sh\n/bin/sleep 5000 & echo $! $$ >'${pids}'\nwait\n`);
    program('slow/cc', '#!/bin/sh\necho cc 1\n');
    const findings = await discoverToolchains(facts('slow'), 'sh');
    const by = Object.fromEntries(findings.map(finding => [finding.check, finding]));
    expect(by['tool npm']).toMatchObject({
      status: 'warning',
      detail: expect.stringContaining('did not answer within 3 s'),
    });
    expect(by['tool cc']).toMatchObject({ status: 'ok' });
    const started = readFileSync(pids, 'utf8').trim().split(' ').map(Number);
    expect(linuxProcesses().filter(entry => started.includes(entry.pid))).toEqual([]);
  });
});
