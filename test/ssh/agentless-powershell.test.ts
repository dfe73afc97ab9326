/**
 * Windows hosts without an agent: real logins, whose shell is a real PowerShell or bash, and which start a real PowerShell.
 *
 * They are no Windows: a Windows path is the name of a file in the home directory, where logins begin. What only Windows itself
 * can show is in agentless-powershell-windows.test.ts.
 */
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { anyArguments } from '../properties/arbitraries.ts';
import { representable } from '../properties/vectors.ts';
import { FENCED } from '../support/fence.ts';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { pwsh } from '../support/powershell.ts';
import { requires, which } from '../support/require.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';
import { addUser, canAddUsers, type TestUser } from '../support/users.ts';

const transports = ['ssh', 'openssh'];
/** The login shells, and the PowerShell that is called. */
const hosts = { pwsh: 'pwsh.exe', bash: 'powershell.exe' };
const names = Object.keys(hosts);
/** What the directory of PATH has, as Windows names it. */
const PROGRAMS: Record<string, string> = {
  'show.exe': `#!/bin/sh\nexec /usr/bin/printf '%s\\0' "$@"\n`,
  'sh.exe': '#!/bin/sh\nexec /bin/sh "$@"\n',
  'broken.exe': 'no program',
};

const hasPowerShell = requires('powershell', pwsh !== undefined);

describe.skipIf(!hasSshd || !canAddUsers || !hasPowerShell)('PowerShell instead of an agent', () => {
  const users = new Map<string, TestUser>();
  const bin = realpathSync(mkdtempSync(join(tmpdir(), 'aw-powershell-bin-')));
  let fleet: SshFleet;

  beforeAll(async () => {
    for (const name of Object.values(hosts)) symlinkSync(pwsh!, join(bin, name));
    chmodSync(bin, 0o755);
    fleet = await makeSshFleet(
      names.map(name => ({ name, transport: 'ssh', os: 'windows', workspace: 'C:\\w', agentless: true })),
      () => ({ env: { PATH: `${bin}:/usr/bin:/bin:/nowhere;C:\\bin`, OF_LOGIN: 'yes' } }),
    );
    chmodSync(fleet.dir, 0o711);
    for (const name of names) {
      const user = addUser(name === 'pwsh' ? pwsh! : which('bash')!, join(fleet.dir, 'users', name));
      users.set(name, user);
      mkdirSync(join(user.home, 'C:\\w'));
      for (const [file, content] of Object.entries(PROGRAMS)) {
        writeFileSync(join(user.home, `C:\\bin\\${file}`), content);
        if (content.startsWith('#!')) chmodSync(join(user.home, `C:\\bin\\${file}`), 0o755);
      }
      for (const shell of Object.values(hosts)) symlinkSync(pwsh!, join(user.home, `C:\\bin\\${shell}`));
      if (name === 'bash') writeFileSync(join(user.home, '.bashrc'), 'echo Welcome ümläut; echo and >&2\n');
      user.own(user.home);
    }
    for (const path of ['users', 'sshd']) chmodSync(join(fleet.dir, path), 0o711);
    for (const name of names) {
      chmodSync(join(fleet.dir, 'sshd', name), 0o711);
      chmodSync(join(fleet.dir, 'sshd', name, 'authorized_keys'), 0o644);
    }
    writeFileSync(fleet.hostsFile, JSON.stringify({ hosts: entries('ssh') }));
  });
  afterEach(() => {
    for (const name of names) rmSync(inWorkspace(name, 'ready'), { force: true });
  });
  afterAll(async () => {
    try {
      await fleet.stop();
    } finally {
      for (const user of users.values()) user.remove();
      rmSync(bin, { recursive: true, force: true });
    }
  });

  const entries = (transport: string) =>
    names.map(name => ({
      ...fleet.entry(name),
      transport,
      sshUser: users.get(name)!.name,
      ...(name === 'pwsh' ? { shell: 'pwsh' as const } : {}),
    }));
  const over = (transport: string) => fleet.catalogue(entries(transport));
  const argv = (output: Buffer) => output.toString().split('\0').slice(0, -1);
  const inWorkspace = (name: string, file: string) => join(users.get(name)!.home, 'C:\\w', file);
  const ready = () => names.every(name => existsSync(inWorkspace(name, 'ready')));
  /** Of the commands, by what only they have in their environment. */
  const running = () =>
    fleet.processes().filter(pid => /\0AW_RUN_ID=/.test(readSafely(`/proc/${pid}/environ`)));

  function start(args: string[]) {
    const leader = fleet.start(['agent', 'run-everywhere', '--output', 'json', '--grace', '0.5', ...args]);
    const stdout: Buffer[] = [];
    leader.stdout!.on('data', chunk => stdout.push(chunk));
    let stderr = '';
    leader.stderr!.on('data', chunk => {
      stderr += chunk;
    });
    return { leader, events: () => parseEvents(Buffer.concat(stdout)), stderr: () => stderr };
  }

  test.each(transports)('every vector, byte for byte, over %s, and nothing else', async transport => {
    const run = await fleet.run([...over(transport), '--', 'show', ...representable]);
    for (const name of names) {
      expect([name, argv(outputOf(run.events, name))]).toEqual([name, representable]);
      expect(outputOf(run.events, name, 'stderr').toString()).toBe('');
      expect(exitOf(run.events, name)).toMatchObject({ code: 0, reason: 'exited' });
    }
    expect(run.code).toBe(0);
  });

  test('any arguments', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyArguments, { maxLength: 12 }), async lists => {
        const args = ['first', ...lists.flat()];
        const run = await fleet.run(['--', 'show', ...args]);
        for (const name of names) expect([name, argv(outputOf(run.events, name))]).toEqual([name, args]);
      }),
      { numRuns: 4 },
    );
  });

  test.each(transports)('variables, directory, input, output and exit code over %s', async transport => {
    const value = 'it\'s "a" $b `c` \\ \n end ü\n';
    const script =
      '/usr/bin/printf "%s|" "$VALUE" "$OF_LOGIN" "$AW_HOST" "${PWD##*/}"; cat; echo end >&2; exit 201';
    const input = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7919) % 256));
    const args = ['agent', 'run-everywhere', '--output', 'json', '--stdin', ...over(transport)];
    const run = await fleet.aw([...args, '--env', `VALUE=${value}`, '--', 'sh', '-c', script], { input });
    const events = parseEvents(run.stdout);
    for (const name of names) {
      const output = outputOf(events, name);
      const head = Buffer.from(`${value}|yes|${name}|C:\\w|`);
      expect(output.subarray(0, head.length).toString()).toBe(head.toString());
      expect(output.subarray(head.length).equals(input)).toBe(true);
      expect(outputOf(events, name, 'stderr').toString()).toBe('end\n');
      expect(exitOf(events, name)).toMatchObject({ code: 201, reason: 'exited' });
    }
  });

  test('without --stdin the input has ended', async () => {
    const run = await fleet.run(['--', 'sh', '-c', 'cat; echo end']);
    for (const name of names) expect(outputOf(run.events, name).toString()).toBe('end\n');
  });

  test('what cannot be started is told from what ends with the same code', async () => {
    for (const name of names) writeFileSync(inWorkspace(name, 'planted.exe'), '#!/bin/sh\n', { mode: 0o755 });
    const refused = async (args: string[], code: number | null, error: string) => {
      const run = await fleet.run(args);
      for (const name of names)
        expect(exitOf(run.events, name)).toMatchObject({
          code,
          reason: 'spawn-failed',
          error: { code: error },
        });
    };
    await refused(['--', 'planted'], 127, 'AW_CMD_NOT_FOUND');
    await refused(['--', 'broken'], 126, 'AW_CMD_NOT_EXECUTABLE');
    await refused(['--shell', 'zsh', '-c', 'true'], null, 'AW_SHELL_UNSUPPORTED');
    await refused(['--env', 'A=1', '--env', 'a=2', '--', 'show'], null, 'AW_ENV_CASE_CONFLICT');
    const elsewhere = entries('ssh').map(entry => ({ ...entry, workspace: 'C:\\nowhere' }));
    await refused([...fleet.catalogue(elsewhere), '--', 'show'], null, 'AW_CWD_MISSING');
  });

  test('a cancel ends everything, and nobody says what was not seen', async () => {
    const run = start([
      '--',
      'sh',
      '-c',
      `trap '' INT TERM; setsid sleep 300 & touch ready; sleep 301; wait`,
    ]);
    await eventually(ready, 'it runs everywhere');
    run.leader.kill('SIGINT');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(130);
    for (const name of names)
      expect(exitOf(run.events(), name)).toMatchObject({ code: null, reason: 'cancelled' });
    expect(run.stderr()).toMatch(/0\/2 hosts: all processes gone\n.*could not be confirmed/);
    await eventually(() => running().length === 0, 'nothing is left');
  });

  test('a timeout', async () => {
    const run = await fleet.run(['--timeout', '8', '--', 'sh', '-c', 'sleep 600']);
    for (const name of names) expect(exitOf(run.events, name)).toMatchObject({ reason: 'timeout' });
    expect(run.code).toBe(124);
    await eventually(() => running().length === 0, 'nothing is left');
  });

  test('a connection that breaks loses the run, says so, and what was left is ended', async () => {
    const run = start(['--', 'sh', '-c', `trap '' HUP PIPE; touch ready; while :; do sleep 0.1; done`]);
    await eventually(ready, 'it runs everywhere');
    for (const name of names) for (const pid of fleet.sshds[name]!.sessions()) process.kill(pid, 'SIGKILL');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(4);
    for (const name of names) {
      const { reason, error } = exitOf(run.events(), name);
      expect([reason, error?.code]).toEqual(['lost', 'AW_RUN_LOST']);
      expect(error?.message).toMatch(/does not survive its connection: it was ended$/);
    }
    await eventually(() => running().length === 0, 'nothing is left');
  });

  test('no value of a variable stands in the arguments of any process', async () => {
    const secret = 'hunter2-hunter2';
    const script = `touch ready; until [ -e go ]; do sleep 0.05; done; [ "$TOKEN" = ${[...secret].join('""')} ] && echo same`;
    const run = start(['--env', `TOKEN=${secret}`, '--', 'sh', '-c', script]);
    await eventually(ready, 'it runs everywhere');
    const lines = readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(pid => readSafely(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
    for (const name of names) writeFileSync(inWorkspace(name, 'go'), '');
    await once(run.leader, 'close');
    expect(lines.some(line => line.includes('-InputFormat None'))).toBe(true);
    const leader = `--env TOKEN=${secret}`;
    expect(lines.filter(line => line.includes(secret) && !line.includes(leader))).toEqual([]);
    for (const name of names) expect(outputOf(run.events(), name).toString()).toBe('same\n');
  });

  test('a person is told once a host what is lacking; the fence passes over them', async () => {
    const run = await fleet.aw(['agent', 'run-everywhere', '--', 'show'], { env: FENCED });
    expect(run.code).toBe(0);
    for (const name of names) {
      const told = run.stderr.match(
        new RegExp(`\\b${name} runs without an agent, on the files that are there`, 'g'),
      );
      expect(told).toHaveLength(1);
    }
  });

  test('a host without PowerShell is an error of its own', async () => {
    const [entry] = entries('ssh');
    rmSync(join(bin, 'pwsh.exe'));
    try {
      const run = await fleet.run([...fleet.catalogue([entry!]), '--', 'show']);
      expect(exitOf(run.events, 'pwsh')).toMatchObject({
        reason: 'lost',
        error: { code: 'AW_HOST_UNREACHABLE', message: expect.stringContaining('pwsh.exe') },
      });
    } finally {
      symlinkSync(pwsh!, join(bin, 'pwsh.exe'));
    }
  });
});

function readSafely(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
