/** The agent brought to hosts that have none, and taken away again; on the way, everything that can go wrong. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cutAfter } from '../support/cut.ts';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { type BareFleet, type BareHost, canMount, lookInto, makeBareFleet } from '../support/install.ts';
import { requires, which } from '../support/require.ts';
import { hasSshd } from '../support/sshd.ts';
import { canAddUsers } from '../support/users.ts';

const shells = ['bash', 'zsh', 'fish', 'sh'].filter(shell => requires(shell, which(shell) !== undefined));
/** Milliseconds. Each test is several logins on several hosts. */
const LIMIT = 300_000;
const NAME = /^\d+\.\d+\.\d+-[0-9a-f]{12}$/;
const RUN = ['agent', 'run-everywhere', '--output', 'json', '--no-fence'];
const WHO = ['--', '/usr/bin/env', 'sh', '-c', 'echo $PWD'];

const hosts: Record<string, BareHost> = {
  ...Object.fromEntries(shells.map(shell => [shell, { shell }])),
  bare: { shell: 'sh', node: 'none', files: { '.profile': 'PATH=%\n' } },
  old: { shell: 'sh', node: 'old', files: { '.profile': 'PATH=%\n' } },
  // As a version manager has it: for terminals only.
  lazy: {
    shell: 'bash',
    node: 'none',
    files: {
      '.bash_profile': '. ~/.bashrc\n',
      '.bashrc': 'case $- in *i*) ;; *) return ;; esac\necho Welcome\nPATH=@:$PATH\n',
    },
  },
  closed: { shell: 'sh', config: [] },
};

describe.skipIf(!hasSshd || !canAddUsers)('installing the agent', { timeout: LIMIT }, () => {
  let fleet: BareFleet;
  beforeAll(async () => {
    fleet = await makeBareFleet(hosts);
  }, LIMIT);
  afterAll(() => fleet.stop(), LIMIT);
  const change: BareFleet['change'] = (...to) => fleet.change(...to);
  const entry: BareFleet['entry'] = (...of) => fleet.entry(...of);
  const place = (host: string) => fleet.place(host);
  const home = (host: string) => fleet.home(host);
  const user = (host: string) => fleet.user(host);
  const run = async (args: readonly string[], ...wanted: object[]) => {
    const { code, stdout, stderr } = await fleet.aw([...RUN, ...fleet.catalogue(wanted as never), ...args]);
    return { code, events: parseEvents(stdout), stderr };
  };
  const uninstall = async (host: string) => {
    expect((await change(['uninstall', '--force'], entry(host))).code).toBe(0);
    expect(existsSync(join(place(host), '..'))).toBe(false);
  };
  const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

  test.each(['ssh', 'openssh'])(
    'with the command that needs it, over %s, behind every login shell',
    async way => {
      const wanted = shells.map(shell => entry(shell, { transport: way }));
      const without = await run(WHO, ...wanted);
      expect(without.code).toBe(4);
      expect(exitOf(without.events, shells[0]!)).toMatchObject({
        error: {
          code: 'AW_AGENT_MISSING',
          remedy: expect.stringContaining(`aw agent followers install --host ${shells[0]}`),
        },
      });

      const first = await run(['--auto-install', ...WHO], ...wanted);
      expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
      for (const shell of shells) {
        expect(outputOf(first.events, shell).toString()).toBe(`${fleet.workspace(shell)}\n`);
        const { current, versions, rest } = lookInto(place(shell));
        expect({ versions, rest }).toEqual({ versions: [current], rest: [] });
        expect(current).toMatch(NAME);
        const path = join(place(shell), current!, 'aw-follower');
        expect(first.stderr).toContain(`${shell}: installed the agent as ${path}, on ${process.execPath}`);
        const modes = [place(shell), join(path, '..'), path, `${path}.mjs`].map(modeOf);
        expect(modes).toEqual(['700', '700', '700', '600']);
      }
      const second = await run(['--auto-install', ...WHO], ...wanted);
      expect(second.code).toBe(0);
      expect(second.stderr).not.toContain('installed');
      for (const shell of shells) await uninstall(shell);
    },
  );

  test('by itself: what was done where, and nothing twice', async () => {
    const first = await change(['install'], entry('bash'));
    expect(first).toMatchObject({ code: 0, reports: [{ host: 'bash', done: 'installed' }] });
    expect(first.reports[0]!.version).toMatch(NAME);
    expect(await change(['install'], entry('bash'))).toMatchObject({ reports: [{ done: 'up to date' }] });
    expect(await change(['upgrade'], entry('bash'))).toMatchObject({ reports: [{ done: 'up to date' }] });
    await uninstall('bash');
    for (const what of ['uninstall', 'upgrade']) {
      expect(await change([what], entry('bash'))).toMatchObject({
        code: 0,
        reports: [{ done: 'not installed' }],
      });
    }
  });

  test('doctor puts it there too', async () => {
    const catalogue = fleet.catalogue([entry('sh')]);
    const { stdout, stderr } = await fleet.aw([
      'agent',
      'followers',
      'doctor',
      '--auto-install',
      ...catalogue,
    ]);
    expect(`${stdout}${stderr}`).not.toContain('AW_AGENT_MISSING');
    expect(lookInto(place('sh')).current).toMatch(NAME);
    await uninstall('sh');
  });

  test('eight at once into one home', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => change(['install'], entry('bash'))));
    expect(results.flatMap(({ reports }) => reports.flatMap(({ error = [] }) => error))).toEqual([]);
    const { current, versions, rest } = lookInto(place('bash'));
    expect({ versions, rest }).toEqual({ versions: [current], rest: [] });
    expect((await run(WHO, entry('bash'))).code).toBe(0);
    await uninstall('bash');
  });

  // The bundle is larger than the last of them: each cuts a login, a script or the file itself.
  test.each([3_000, 20_000, 40_000, 70_000, 150_000, 260_000, 380_000])(
    'a connection that breaks after %i bytes leaves nothing that could be run',
    async bytes => {
      const cut = await cutAfter(fleet.sshds.sh!.port, bytes);
      try {
        fleet.know(cut.port, fleet.sshds.sh!.publicKey);
        const { code, reports } = await change(['install'], entry('sh', { port: cut.port }));
        expect({ code, done: reports[0]!.done }).toEqual({ code: 4, done: 'failed' });
        expect(reports[0]!.error!.code).toMatch(/^AW_(HOST_UNREACHABLE|INSTALL_FAILED)$/);
        expect(lookInto(place('sh'))).toMatchObject({ current: undefined, versions: [] });
      } finally {
        await cut.stop();
      }
    },
  );

  test('what they left behind is taken away once it is old, and so are old versions', async () => {
    const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
    mkdirSync(join(place('sh'), '.new-left'), { recursive: true });
    const before = ['0.0.1-000000000001', '0.0.2-000000000002', '0.0.3-000000000003'];
    for (const name of before) mkdirSync(join(place('sh'), name));
    user('sh').own(join(home('sh'), '.local'));
    for (const [index, name] of before.entries()) {
      const time = new Date(old.getTime() + index * 1000);
      utimesSync(join(place('sh'), name), time, time);
    }
    utimesSync(join(place('sh'), '.new-left'), old, old);
    const { reports } = await change(['install'], entry('sh'));
    expect(existsSync(join(place('sh'), '.new-left'))).toBe(false);
    const left = before.filter(name => existsSync(join(place('sh'), name)));
    expect({ left, versions: lookInto(place('sh')).versions }).toEqual({
      left: ['0.0.3-000000000003'],
      versions: [reports[0]!.version],
    });
    await uninstall('sh');
  });

  describe('an older one', () => {
    const older = '0.0.9-000000000000';
    const age = (host: string) => {
      const directory = join(place(host), older);
      const { current } = lookInto(place(host));
      renameSync(join(place(host), current!), directory);
      const launcher = join(directory, 'aw-follower');
      writeFileSync(launcher, readFileSync(launcher, 'utf8').replace(current!, older));
      rmSync(join(place(host), 'current'));
      symlinkSync(older, join(place(host), 'current'));
      user(host).own(place(host));
    };

    test('goes on with its run, and is replaced when that has ended', async () => {
      await change(['install'], entry('bash'));
      age('bash');
      const go = join(fleet.workspace('bash'), 'go');
      const script = `until test -e ${go}; do sleep 0.1; done`;
      const bash = fleet.catalogue([entry('bash')]);
      const started = await fleet.aw([
        'agent',
        'run-everywhere',
        ...bash,
        '--no-fence',
        '--detach',
        '-c',
        script,
      ]);
      const runId = started.stdout.toString().trim();
      expect(runId).not.toBe('');

      for (const what of ['upgrade', 'uninstall']) {
        const { code, reports } = await change([what], entry('bash'));
        expect({ code, error: reports[0]!.error }).toMatchObject({
          code: 4,
          error: { code: 'AW_AGENT_BUSY', message: expect.stringContaining(runId) },
        });
      }
      expect(lookInto(place('bash')).current).toBe(older);
      writeFileSync(go, '');
      const attached = await fleet.aw(['agent', 'runs', 'attach', runId]);
      expect(attached.code).toBe(0);

      const { code, reports } = await change(['upgrade'], entry('bash'));
      expect({ code, reports }).toMatchObject({ code: 0, reports: [{ done: 'upgraded', before: older }] });
      expect(lookInto(place('bash')).current).toBe(reports[0]!.version);
      expect((await run(WHO, entry('bash'))).code).toBe(0);
      await uninstall('bash');
    });
  });

  test('the Node that only a terminal there finds', async () => {
    const { code, reports } = await change(['install'], entry('lazy'));
    expect({ code, node: reports[0]!.node }).toEqual({ code: 0, node: process.execPath });
    expect((await run(WHO, entry('lazy'))).code).toBe(0);
    await uninstall('lazy');
  });

  test.each([
    ['bare', 'AW_INSTALL_NO_NODE', 'there is none'],
    ['old', 'AW_INSTALL_NO_NODE', 'v18.19.1'],
    ['closed', 'AW_INSTALL_FAILED', 'offers no SFTP'],
  ])('%s: %s, and the others are not harmed', async (host, code, words) => {
    const result = await run(['--auto-install', ...WHO], entry(host), entry('sh'));
    expect(result.code).toBe(4);
    expect(exitOf(result.events, host)).toMatchObject({
      error: { code, message: expect.stringMatching(new RegExp(words, 'i')) },
    });
    const { code: passed, error } = exitOf(result.events, 'sh');
    expect({ passed, error }).toEqual({ passed: 0, error: undefined });
    await uninstall('sh');
  });

  test('not on Windows, not where the catalogue names another agent, not needed here', async () => {
    const { code, reports } = await change(
      ['install'],
      entry('sh', { os: 'windows', workspace: 'C:\\x' }),
      entry('bash', { agent: 'tools/aw-follower' }),
      { name: 'here', os: 'linux', workspace: fleet.dir },
    );
    expect(code).toBe(4);
    expect(reports.map(({ done, error }) => error?.code ?? done)).toEqual([
      'AW_INSTALL_UNSUPPORTED',
      'AW_INSTALL_UNSUPPORTED',
      'not needed',
    ]);
  });

  describe('a home that is not safe, or not writable', () => {
    const clear = () => rmSync(join(home('zsh'), '.local'), { recursive: true, force: true });
    beforeEach(clear);
    afterEach(clear);
    const refusal = async (words: string) => {
      const { code, reports } = await change(['install'], entry('zsh'));
      expect({ code, error: reports[0]!.error }).toMatchObject({
        code: 4,
        error: { code: 'AW_INSTALL_FAILED', message: expect.stringContaining(words) },
      });
    };

    test.each(['.local/share/agents-workflow', '.local/share/agents-workflow/agent'])(
      'a link in place of %s',
      async path => {
        const elsewhere = join(home('zsh'), 'elsewhere');
        mkdirSync(elsewhere, { recursive: true });
        mkdirSync(join(home('zsh'), path, '..'), { recursive: true });
        symlinkSync(elsewhere, join(home('zsh'), path));
        user('zsh').own(join(home('zsh'), '.local'));
        await refusal('is a symbolic link');
        expect(lookInto(elsewhere)).toMatchObject({ versions: [], rest: [] });
      },
    );

    test.each(['.local', '.local/share/agents-workflow/agent'])('%s of somebody else', async path => {
      mkdirSync(join(home('zsh'), path), { recursive: true });
      user('zsh').own(join(home('zsh'), '.local'));
      execFileSync('chown', ['root:', join(home('zsh'), path)]);
      await refusal('belongs to another user');
    });

    test.skipIf(!canMount).each([
      ['full', 'mode=700,size=200k', '', 'ENOSPC'],
      ['read-only', 'mode=700,size=8m', 'remount,ro', 'EROFS'],
    ])('%s', async (_, options, remount, words) => {
      const directory = join(home('zsh'), '.local');
      mkdirSync(directory);
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
      try {
        user('zsh').own(directory);
        if (remount !== '') execFileSync('mount', ['-o', remount, directory]);
        await refusal(words);
        expect(lookInto(place('zsh'))).toMatchObject({ current: undefined, versions: [], rest: [] });
      } finally {
        execFileSync('umount', [directory]);
      }
    });
  });

  test('nobody is at work any more', async () => {
    await eventually(
      () => Object.values(fleet.sshds).every(sshd => sshd.sessions().length === 0),
      'no login is left',
    );
  });
});
