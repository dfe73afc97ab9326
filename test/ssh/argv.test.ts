/** What a user typed behind `--` is what the child sees, over both SSH transports and behind every login shell. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { representable } from '../properties/vectors.ts';
import { exitOf, outputOf } from '../support/fleet.ts';
import { requires, which } from '../support/require.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';
import { addUser, canAddUsers, type TestUser } from '../support/users.ts';

/** Start-up files that each shell reads also for a command, and what they say. */
const loud: Record<string, string> = {
  bash: '.bashrc',
  zsh: '.zshenv',
  fish: '.config/fish/config.fish',
};
const shells = ['bash', 'zsh', 'fish', 'sh'].filter(shell => requires(shell, which(shell) !== undefined));
const transports = ['ssh', 'openssh'];

describe.skipIf(!hasSshd || !canAddUsers)('login shells', () => {
  const users = new Map<string, TestUser>();
  let fleet: SshFleet;
  const child = () => ['/usr/bin/env', 'node', join(fleet.dir, 'argv.mjs')];

  beforeAll(async () => {
    fleet = await makeSshFleet(shells.map(name => ({ name, transport: 'ssh' })));
    // Its users are other users than the one who made it.
    chmodSync(fleet.dir, 0o711);
    writeFileSync(join(fleet.dir, 'argv.mjs'), 'process.stdout.write(JSON.stringify(process.argv.slice(2)))');
    for (const shell of shells) {
      const user = addUser(which(shell)!, join(fleet.dir, 'users', shell));
      users.set(shell, user);
      const file = loud[shell];
      if (file !== undefined) {
        mkdirSync(dirname(join(user.home, file)), { recursive: true });
        writeFileSync(join(user.home, file), `echo 'Welcome, and read this ümläut'; echo 'and this' >&2\n`);
      }
      for (const path of [join(fleet.dir, 'remote', shell), fleet.workspace(shell)]) {
        mkdirSync(path, { recursive: true });
        user.own(path);
      }
    }
    for (const path of ['users', 'remote', 'workspaces', 'sshd']) chmodSync(join(fleet.dir, path), 0o711);
    for (const shell of shells) {
      const sshd = join(fleet.dir, 'sshd', shell);
      chmodSync(sshd, 0o711);
      chmodSync(join(sshd, 'authorized_keys'), 0o644);
    }
    writeFileSync(fleet.hostsFile, JSON.stringify({ hosts: entries() }));
  });
  afterAll(async () => {
    await fleet.stop();
    for (const user of users.values()) user.remove();
  });

  const entries = (transport = 'ssh') =>
    shells.map(shell => ({ ...fleet.entry(shell), transport, sshUser: users.get(shell)!.name }));

  test.each(transports)(
    'every vector, byte for byte, over %s, loud start-up files or not',
    async transport => {
      const run = await fleet.run([
        ...fleet.catalogue(entries(transport)),
        '--',
        ...child(),
        ...representable,
      ]);
      expect(run.stderr).toBe('');
      for (const shell of shells) {
        expect([shell, JSON.parse(outputOf(run.events, shell).toString())]).toEqual([shell, representable]);
      }
    },
  );

  test('a script runs in the login shell', async () => {
    const script = 'echo "$ZSH_VERSION$BASH_VERSION$FISH_VERSION" | tr -d "\\n"; exit 7';
    const run = await fleet.run(['--host', 'zsh', '-c', script]);
    expect(outputOf(run.events, 'zsh').toString()).toMatch(/^\d+\.\d+/);
    expect(exitOf(run.events, 'zsh')).toMatchObject({ code: 7 });
  });
});

describe.skipIf(!hasSshd)('exit codes', () => {
  let fleet: SshFleet;
  beforeAll(async () => {
    fleet = await makeSshFleet(transports.map(transport => ({ name: transport, transport })));
  });
  afterAll(() => fleet.stop());

  test.each([0, 1, 127, 255])('%i', async code => {
    const run = await fleet.run(['--', 'sh', '-c', `exit ${code}`]);
    for (const host of transports) expect(exitOf(run.events, host)).toMatchObject({ code, reason: 'exited' });
    expect(run.code).toBe(code === 0 ? 0 : 1);
  });

  test('a death by signal', async () => {
    const run = await fleet.run(['--', 'sh', '-c', 'kill -KILL $$']);
    for (const host of transports) {
      expect(exitOf(run.events, host)).toMatchObject({ code: null, signal: 'SIGKILL', reason: 'signaled' });
    }
  });
});
