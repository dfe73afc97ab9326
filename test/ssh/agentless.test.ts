/** Hosts without an agent: what a user typed behind `--` is what the child sees, behind every login shell and over both ways. */
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anyArguments } from '../properties/arbitraries.ts';
import { representable } from '../properties/vectors.ts';
import { FENCED } from '../support/fence.ts';
import { exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { requires, which } from '../support/require.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';
import { addUser, canAddUsers, type TestUser } from '../support/users.ts';

/** Start-up files that each shell reads for a command or for a login. */
const startup: Record<string, string[]> = {
  bash: ['.bashrc', '.bash_profile'],
  zsh: ['.zshenv', '.zprofile'],
  fish: ['.config/fish/config.fish'],
  sh: ['.profile'],
  mksh: ['.profile'],
};
/** The last lines of a login's start-up file: another shell, without the command and with it. */
const replaced: Record<string, { dropped: string; handedOn: string }> = {
  bash: { dropped: 'exec fish\n', handedOn: 'exec zsh -c "$BASH_EXECUTION_STRING"\n' },
  zsh: { dropped: 'exec bash\n', handedOn: 'exec bash -c "$ZSH_EXECUTION_STRING"\n' },
  fish: {
    dropped: 'status is-login; and exec bash\n',
    handedOn: 'status is-login; and exec bash -c (string split0 </proc/$fish_pid/cmdline)[-1]\n',
  },
  sh: {
    dropped: 'exec zsh\n',
    handedOn: `exec bash -c "$(tr '\\0' '\\n' </proc/$$/cmdline | tail -n 1)"\n`,
  },
};
const LOUD = `echo 'Welcome, and read this ümläut'; echo 'and this' >&2\n`;
const shells = Object.keys(startup).filter(shell => requires(shell, which(shell) !== undefined));
const ending = shells.filter(shell => Object.hasOwn(replaced, shell));
const transports = ['ssh', 'openssh'];
const NUL_ENDED = ['/usr/bin/printf', '%s\\0'];

describe.skipIf(!hasSshd || !canAddUsers)('login shells', () => {
  const users = new Map<string, TestUser>();
  let fleet: SshFleet;

  beforeAll(async () => {
    fleet = await makeSshFleet(
      shells.map(name => ({ name, transport: 'ssh', agentless: true })),
      // No agent could be found even if one were asked for.
      () => ({ env: { PATH: '/usr/bin:/bin' } }),
    );
    chmodSync(fleet.dir, 0o711);
    for (const shell of shells) {
      const user = addUser(which(shell)!, join(fleet.dir, 'users', shell));
      users.set(shell, user);
      for (const file of startup[shell]!) {
        mkdirSync(dirname(join(user.home, file)), { recursive: true });
        appendFileSync(join(user.home, file), LOUD);
      }
      const login = shell === 'fish' ? 'set -gx FROM_LOGIN yes\n' : 'export FROM_LOGIN=yes\n';
      appendFileSync(join(user.home, startup[shell]!.at(-1)!), login);
      user.own(user.home);
      user.own(fleet.workspace(shell));
    }
    for (const path of ['users', 'workspaces', 'sshd']) chmodSync(join(fleet.dir, path), 0o711);
    for (const shell of shells) {
      chmodSync(join(fleet.dir, 'sshd', shell), 0o711);
      chmodSync(join(fleet.dir, 'sshd', shell, 'authorized_keys'), 0o644);
    }
    writeFileSync(fleet.hostsFile, JSON.stringify({ hosts: entries() }));
  });
  afterAll(async () => {
    try {
      await fleet.stop();
    } finally {
      for (const user of users.values()) user.remove();
    }
  });

  const entries = (transport = 'ssh') =>
    shells.map(shell => ({ ...fleet.entry(shell), transport, sshUser: users.get(shell)!.name }));
  const over = (transport: string) => fleet.catalogue(entries(transport));
  const argv = (output: Buffer) => output.toString().split('\0').slice(0, -1);

  test.each(transports)('every vector, byte for byte, over %s, and nothing else', async transport => {
    const run = await fleet.run([...over(transport), '--', ...NUL_ENDED, ...representable]);
    for (const shell of shells) {
      expect([shell, argv(outputOf(run.events, shell))]).toEqual([shell, representable]);
      expect(outputOf(run.events, shell, 'stderr').toString()).toBe('');
      expect(exitOf(run.events, shell)).toMatchObject({ code: 0, reason: 'exited' });
    }
    expect(run.code).toBe(0);
  });

  test.each(transports)('any arguments over %s', async transport => {
    const catalogue = over(transport);
    await fc.assert(
      fc.asyncProperty(anyArguments, async args => {
        const run = await fleet.run([...catalogue, '--', ...NUL_ENDED, 'first', ...args]);
        for (const shell of shells)
          expect([shell, argv(outputOf(run.events, shell))]).toEqual([shell, ['first', ...args]]);
      }),
      { numRuns: 12 },
    );
  });

  test.each(transports)('variables, the login environment and the directory, over %s', async transport => {
    const value = 'it\'s "a" $b `c` \\ \n end\n';
    const script = '/usr/bin/printf "%s\\0" "$VALUE" "$FROM_LOGIN" "$AW_HOST"; pwd';
    const args = ['--env', `VALUE=${value}`, '--', '/bin/sh', '-c', script];
    const run = await fleet.run([...over(transport), ...args]);
    for (const shell of shells) {
      expect(outputOf(run.events, shell).toString()).toBe(
        `${value}\0yes\0${shell}\0${fleet.workspace(shell)}\n`,
      );
    }
  });

  test('a script runs in the login shell, or in the one that is asked for', async () => {
    const script = 'echo "$ZSH_VERSION$BASH_VERSION$FISH_VERSION" | tr -d "\\n"; exit 7';
    const own = await fleet.run(['--host', 'zsh', '--host', 'fish', '-c', script]);
    for (const shell of ['zsh', 'fish']) {
      expect(outputOf(own.events, shell).toString()).toMatch(/^\d+\.\d+/);
      expect(exitOf(own.events, shell)).toMatchObject({ code: 7 });
    }
    const asked = await fleet.run(['--shell', 'bash', '-c', 'echo "$BASH_VERSION $1"', '--', "it's"]);
    for (const shell of shells) expect(outputOf(asked.events, shell).toString()).toMatch(/^5\..* it's\n$/);
  });

  test.each(transports)(
    'a start-up file that ends in exec, over %s: the command all the same, or an error, and never another command',
    async transport => {
      const own = new Map<string, TestUser>();
      try {
        const startWith = (shell: string, text: string) => {
          const { home, own: give } = own.get(shell)!;
          const file = join(home, startup[shell]!.at(-1)!);
          mkdirSync(dirname(file), { recursive: true });
          writeFileSync(file, text);
          give(home);
        };
        for (const shell of ending) {
          own.set(shell, addUser(which(shell)!, join(fleet.dir, 'users', `exec-${transport}-${shell}`)));
          startWith(shell, replaced[shell]!.dropped);
        }
        const catalogue = fleet.catalogue(
          ending.map(shell => ({ ...fleet.entry(shell), transport, sshUser: own.get(shell)!.name })),
        );
        const run = await fleet.run([...catalogue, '--', 'echo', 'x']);
        for (const shell of ending) {
          expect(exitOf(run.events, shell)).toMatchObject({
            reason: 'lost',
            error: { code: 'AW_HOST_UNREACHABLE', message: expect.stringContaining('start-up file') },
          });
          expect(outputOf(run.events, shell).toString()).toBe('');
        }
        for (const shell of ending) startWith(shell, replaced[shell]!.handedOn);
        const handed = await fleet.run([...catalogue, '--', ...NUL_ENDED, ...representable]);
        for (const shell of ending)
          expect([shell, argv(outputOf(handed.events, shell))]).toEqual([shell, representable]);
      } finally {
        for (const user of own.values()) user.remove();
      }
    },
  );
});

describe.skipIf(!hasSshd)('a host without an agent', () => {
  let fleet: SshFleet;
  beforeAll(async () => {
    fleet = await makeSshFleet(
      transports.map(name => ({ name, transport: name, agentless: true })),
      () => ({ env: { PATH: '/usr/bin:/bin' } }),
    );
  });
  afterAll(() => fleet.stop());

  const exits = async (args: string[]) => {
    const run = await fleet.run(args);
    return { run, each: transports.map(host => exitOf(run.events, host)) };
  };

  test.each([0, 1, 126, 127, 255])('exit code %i', async code => {
    const { run, each } = await exits(['--', 'sh', '-c', `exit ${code}`]);
    for (const exit of each) expect(exit).toMatchObject({ code, reason: 'exited' });
    expect(run.code).toBe(code === 0 ? 0 : 1);
  });

  test('a death by signal, as a shell says it, and without a word of the shell', async () => {
    const { run, each } = await exits(['--', 'sh', '-c', 'kill -KILL $$']);
    for (const exit of each) expect(exit).toMatchObject({ code: 137, reason: 'exited' });
    for (const host of transports) expect(outputOf(run.events, host, 'stderr').toString()).toBe('');
  });

  test('what cannot be started is told from what ends with the same code', async () => {
    for (const host of transports) {
      writeFileSync(join(fleet.workspace(host), 'plain'), 'no program');
      writeFileSync(join(fleet.workspace(host), 'orphan'), '#!/nowhere/sh\n');
      chmodSync(join(fleet.workspace(host), 'orphan'), 0o755);
    }
    const refused = async (args: string[], code: number | null, error: string) => {
      for (const exit of (await exits(args)).each)
        expect(exit).toMatchObject({ code, reason: 'spawn-failed', error: { code: error } });
    };
    await refused(['--', 'no-such-program'], 127, 'AW_CMD_NOT_FOUND');
    await refused(['--', './plain'], 126, 'AW_CMD_NOT_EXECUTABLE');
    await refused(['--', './orphan'], 126, 'AW_CMD_NOT_EXECUTABLE');
    await refused(['--shell', 'ash', '-c', 'true'], null, 'AW_SHELL_UNSUPPORTED');
    await refused(['--env', 'a.b=1', '--', 'true'], null, 'AW_AGENT_NEEDED');
    await refused(['--shell', 'pwsh', '--', 'true'], null, 'AW_AGENT_NEEDED');
    rmSync(fleet.workspace('ssh'), { recursive: true });
    try {
      const run = await fleet.run(['--host', 'ssh', '--', 'true']);
      expect(exitOf(run.events, 'ssh')).toMatchObject({ error: { code: 'AW_CWD_MISSING' } });
    } finally {
      mkdirSync(fleet.workspace('ssh'));
    }
  });

  test('a program of the working directory is not found by its bare name', async () => {
    for (const host of transports) {
      writeFileSync(join(fleet.workspace(host), 'planted'), '#!/bin/sh\necho pwned\n');
      chmodSync(join(fleet.workspace(host), 'planted'), 0o755);
    }
    const { each } = await exits(['--env', 'PATH=:.:/usr/bin', '--', 'planted']);
    for (const exit of each) expect(exit).toMatchObject({ error: { code: 'AW_CMD_NOT_FOUND' } });
  });

  test('input arrives whole, and binary output comes back whole', async () => {
    const input = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) % 256));
    const args = ['agent', 'run-everywhere', '--output', 'json', '--stdin', '--', 'cat'];
    const { stdout, code } = await fleet.aw(args, { input });
    expect(code).toBe(0);
    for (const host of transports) expect(outputOf(parseEvents(stdout), host).equals(input)).toBe(true);
  });

  test('without --stdin the input has ended', async () => {
    const { run } = await exits(['--', 'sh', '-c', 'cat; echo end']);
    for (const host of transports) expect(outputOf(run.events, host).toString()).toBe('end\n');
  });

  test('paths in the output become those of the leader', async () => {
    const { run } = await exits(['--map-output', '--expand-workspace', '--', 'echo', '{workspace}/x.c:1']);
    for (const host of transports)
      expect(outputOf(run.events, host).toString()).toBe(`${fleet.project}/x.c:1\n`);
  });

  test('a timeout', async () => {
    const { run, each } = await exits(['--timeout', '1', '--', 'sleep', '600']);
    for (const exit of each)
      expect(exit).toMatchObject({ reason: 'timeout', error: { code: 'AW_RUN_TIMEOUT' } });
    expect(run.code).toBe(124);
  });

  test('a person is told once a host what is lacking', async () => {
    const { stderr } = await fleet.aw(['agent', 'run-everywhere', '--', 'true']);
    for (const host of transports)
      expect(stderr.match(new RegExp(`\\b${host} runs without an agent`, 'g'))).toHaveLength(1);
  });

  test('the fence passes over them, and a person is told', async () => {
    const { code, stderr } = await fleet.aw(['agent', 'run-everywhere', '--', 'true'], { env: FENCED });
    expect(code).toBe(0);
    for (const host of transports) {
      expect(stderr).toContain(`${host} runs without an agent, on the files that are there`);
    }
  });

  test('detached runs and agents are refused with a code', async () => {
    const detached = await fleet.aw(['agent', 'run-everywhere', '--detach', '--', 'true']);
    expect(detached.stderr).toContain('AW_AGENT_NEEDED');
    const listed = await fleet.aw(['agent', 'followers', 'list', '--json']);
    expect(listed.stdout.toString()).toContain('AW_AGENT_NEEDED');
  });

  test('--agentless: only where the agent is missing', async () => {
    const hosts = transports.map(name => ({
      ...fleet.entry(name),
      agentless: undefined,
      agent: '/nowhere/agent',
    }));
    const catalogue = fleet.catalogue(hosts);
    const without = await fleet.run([...catalogue, '--', 'true']);
    for (const host of transports)
      expect(exitOf(without.events, host)).toMatchObject({ error: { code: 'AW_AGENT_MISSING' } });
    const run = await fleet.run([...catalogue, '--agentless', '--', 'echo', 'x']);
    for (const host of transports) expect(outputOf(run.events, host).toString()).toBe('x\n');
  });
});
