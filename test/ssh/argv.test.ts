/** What a user typed behind `--` is what the child sees, over both SSH transports and behind every login shell. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { representable } from '../properties/vectors.ts';
import { exitOf, outputOf } from '../support/fleet.ts';
import { requires, which } from '../support/require.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';
import { addUser, canAddUsers, type TestUser } from '../support/users.ts';

const LOUD = `echo 'Welcome, and read this ümläut'; echo 'and this' >&2\n`;

/** Login shells, with start-up files that each reads also for a command and that say something, or that end in another shell. */
const logins: Record<string, { shell: string; files: Record<string, string> }> = {
  bash: { shell: 'bash', files: { '.bashrc': LOUD } },
  zsh: { shell: 'zsh', files: { '.zshenv': LOUD } },
  fish: { shell: 'fish', files: { '.config/fish/config.fish': LOUD } },
  sh: { shell: 'sh', files: {} },
  'bash-exec': {
    shell: 'bash',
    files: {
      '.bashrc': `${LOUD}[ -z "$BASH_EXECUTION_STRING" ] || exec zsh -c "$BASH_EXECUTION_STRING"\n`,
      '.bash_profile': `${LOUD}exec fish\n`,
    },
  },
  'zsh-exec': {
    shell: 'zsh',
    files: { '.zshenv': LOUD, '.zprofile': 'exec bash\n', '.zshrc': 'exec fish\n' },
  },
  'fish-exec': {
    shell: 'fish',
    files: { '.config/fish/config.fish': `${LOUD}status is-login; and exec bash\n` },
  },
};
const hosts = Object.keys(logins).filter(host => {
  const { shell } = logins[host]!;
  return requires(shell, which(shell) !== undefined);
});
const transports = ['ssh', 'openssh'];

describe.skipIf(!hasSshd || !canAddUsers)('login shells', () => {
  const users = new Map<string, TestUser>();
  let fleet: SshFleet;
  const child = () => ['/usr/bin/env', 'node', join(fleet.dir, 'argv.mjs')];

  beforeAll(async () => {
    fleet = await makeSshFleet(hosts.map(name => ({ name, transport: 'ssh' })));
    // Its users are other users than the one who made it.
    chmodSync(fleet.dir, 0o711);
    writeFileSync(join(fleet.dir, 'argv.mjs'), 'process.stdout.write(JSON.stringify(process.argv.slice(2)))');
    for (const host of hosts) {
      const { shell, files } = logins[host]!;
      const user = addUser(which(shell)!, join(fleet.dir, 'users', host));
      users.set(host, user);
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(join(user.home, file)), { recursive: true });
        writeFileSync(join(user.home, file), text);
      }
      user.own(user.home);
      for (const path of [join(fleet.dir, 'remote', host), fleet.workspace(host)]) {
        mkdirSync(path, { recursive: true });
        user.own(path);
      }
    }
    for (const path of ['users', 'remote', 'workspaces', 'sshd']) chmodSync(join(fleet.dir, path), 0o711);
    for (const host of hosts) {
      const sshd = join(fleet.dir, 'sshd', host);
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
    hosts.map(host => ({ ...fleet.entry(host), transport, sshUser: users.get(host)!.name }));

  test.each(transports)(
    'every vector, byte for byte, over %s, whatever the start-up files do',
    async transport => {
      const run = await fleet.run([
        ...fleet.catalogue(entries(transport)),
        '--',
        ...child(),
        ...representable,
      ]);
      expect(run.stderr).toBe('');
      for (const host of hosts) {
        expect([host, JSON.parse(outputOf(run.events, host).toString())]).toEqual([host, representable]);
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
