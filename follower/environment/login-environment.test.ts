import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ShellName } from '../../contract/names.ts';
import { requires, which } from '../../test/support/require.ts';
import { linuxProcesses } from '../runs/processes-linux.ts';
import { currentUser, findShells, type LoginOptions, loginEnvironment } from './index.ts';

const onLinux = process.platform === 'linux';
const shells = onLinux ? findShells('linux', process.env) : {};
/** fish puts it right by itself. */
const me = currentUser().name;
const outside = mkdtempSync(join(tmpdir(), 'aw-login-'));
afterAll(() => rmSync(outside, { recursive: true, force: true }));

let home: string;
let homes = 0;
beforeEach(() => {
  home = join(outside, `home ${homes++}'s`);
  mkdirSync(home);
});
const started: string[] = [];
afterEach(() => {
  expect(aliveWith(started.splice(0))).toEqual([]);
});

/** Where each shell reads what an interactive login sets. */
const RC: Partial<Record<ShellName, string>> = {
  bash: '.bashrc',
  zsh: '.zshrc',
  fish: '.config/fish/config.fish',
  mksh: '.mkshrc',
  dash: '.profile',
  sh: '.profile',
};

function write(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

/** bash reads `.bashrc` only when its login file says so, as every distribution's does. */
function startup(shell: ShellName, text: string): void {
  if (shell === 'bash')
    write('.bash_profile', 'export LOGIN_FILE=read\n[ -n "$PS1" ] && . "$HOME/.bashrc"\n');
  write(RC[shell]!, text);
}

function login(shell: ShellName, options: Partial<LoginOptions> = {}) {
  return loginEnvironment({
    os: 'linux',
    shell,
    shells,
    user: { name: me, home, shell: shells[shell] },
    ...options,
    baseEnv: { LANG: 'C.UTF-8', ...options.baseEnv },
  });
}

/** Of these pids, the ones that live. */
function aliveWith(pidFiles: readonly string[]): number[] {
  const living = new Set(linuxProcesses().map(entry => entry.pid));
  return pidFiles
    .flatMap(file => readFileSync(file, 'utf8').trim().split(/\s+/))
    .map(Number)
    .filter(pid => living.has(pid));
}

const POSIX: ShellName[] = ['bash', 'zsh', 'fish', 'mksh', 'dash', 'sh'];
const present = (shell: ShellName) => onLinux && requires(shell, which(shell) !== undefined);

for (const shell of POSIX)
  describe.skipIf(!present(shell))(shell, () => {
    const set = (name: string, value: string) =>
      shell === 'fish' ? `set -gx ${name} ${value}\n` : `export ${name}=${value}\n`;

    test('what start-up files export arrives exactly, whatever they print', async () => {
      startup(
        shell,
        `echo 'welcome {"a":1}'; echo noise >&2\n${set('MULTI', '\'one\ntwo = "x" $HOME \\ é😀\'')}${set('EMPTY', "''")}${set('PATH', shell === 'fish' ? '/added $PATH' : '/added:$PATH')}`,
      );
      const { env, source, notes } = await login(shell);
      expect(notes).toEqual([]);
      expect(source).toBe(`${shell} -l -i`);
      expect(env).toMatchObject({
        MULTI: 'one\ntwo = "x" $HOME \\ é😀',
        EMPTY: '',
        LANG: 'C.UTF-8',
        HOME: home,
        USER: me,
      });
      expect(env.PATH).toMatch(/^\/added:.*\/bin/);
      expect(env.SHELL).toBe(shells[shell]);
    });

    test('the answer stands in the scratch directory of the agent, and only for a moment', async () => {
      const scratch = join(home, 'scratch');
      const list = shell === 'fish' ? 'set -gx SEEN (ls ~/scratch)\n' : 'export SEEN="$(ls ~/scratch)"\n';
      mkdirSync(scratch);
      startup(shell, list);
      const { env, notes } = await login(shell, { scratch });
      expect(notes).toEqual([]);
      expect(env.SEEN).toMatch(/^aw-environment-\w+$/);
      expect(readdirSync(scratch)).toEqual([]);
    });

    test('a change of directory, aliases, functions and descriptors do not matter', async () => {
      const text =
        shell === 'fish'
          ? 'cd /\nfunction env; echo hijacked; end\nalias command=false\nset -gx DONE yes\n'
          : 'cd /\nenv() { echo hijacked; }\nalias env=false command=false\nexec 3>/dev/null\nset -C\nexport DONE=yes\n';
      startup(shell, text);
      const { env, notes } = await login(shell);
      expect(notes).toEqual([]);
      expect(env.DONE).toBe('yes');
    });

    test('what belongs to a session or to the agent stays out', async () => {
      startup(
        shell,
        [
          [
            'SAW',
            shell === 'fish'
              ? '"$AW_RESOLVING_ENVIRONMENT:$SSH_CLIENT:$NODE_OPTIONS:$TERM"'
              : '"$AW_RESOLVING_ENVIRONMENT:$SSH_CLIENT:${NODE_OPTIONS-}:$TERM"',
          ],
          ['SSH_TTY', '/dev/pts/1'],
          ['SSH_AUTH_SOCK', '/run/agent'],
          ['XDG_RUNTIME_DIR', '/bogus'],
          ['TERM_PROGRAM', 'x'],
          ['MY_SESSION_ID', '1'],
          ['AWS_SESSION_TOKEN', 'kept'],
        ]
          .map(([name, value]) => set(name!, value!))
          .join(''),
      );
      const { env } = await login(shell, {
        baseEnv: {
        SSH_CLIENT: '1.2.3.4 1 2', SSH_AUTH_SOCK: '/old', NODE_OPTIONS: '--no-warnings', AW_TOKEN: 'secret', LD_LIBRARY_PATH: '/opt/lib', npm_package_name: 'x', BASH_ENV: '/x', ENV: '/y',
        XDG_RUNTIME_DIR: '/run/user/7', PWD: '/x', OLDPWD: '/y', SHLVL: '9', _: '/z', 'BASH_FUNC_x%%': '() { :; }', UNSET: undefined, KEPT: 'yes',
      }, // biome-ignore format: one list
      });
      expect(env).toMatchObject({
        SAW: '1:::dumb',
        SSH_AUTH_SOCK: '/run/agent',
        XDG_RUNTIME_DIR: '/run/user/7',
        AWS_SESSION_TOKEN: 'kept',
        KEPT: 'yes',
      });
      const known = [
        'AWS_SESSION_TOKEN',
        'HOME',
        'KEPT',
        'LANG',
        'LD_LIBRARY_PATH',
        'LOGNAME',
        'PATH',
        'SAW',
        'SHELL',
        'SSH_AUTH_SOCK',
        'USER',
        'XDG_RUNTIME_DIR',
      ];
      expect(Object.keys(env)).toEqual(expect.arrayContaining(known));
      const unexpected = Object.keys(env).filter(name =>
        /^(?:PWD|OLDPWD|SHLVL|_|TERM.*|SSH_TTY|SSH_CLIENT|.*_SESSION_ID|BASH_.*|ENV|npm_.*|NODE_.*|AW_.*|UNSET|DISABLE_AUTO_UPDATE|ZSH_TMUX_AUTOSTART)$/.test(
          name,
        ),
      );
      expect(unexpected).toEqual([]);
    });

    test('names that are no identifiers survive', async () => {
      const { env } = await login(shell, { baseEnv: { 'ProgramFiles(x86)': 'a', 'a.b': 'c' } });
      expect(env).toMatchObject({ 'ProgramFiles(x86)': 'a', 'a.b': 'c' });
    });

    test('a value that is not UTF-8 is left out and said', async () => {
      const bytes = shell === 'fish' ? 'set -gx BAD \\xff\n' : "export BAD=$(printf '\\377')\n";
      startup(shell, `${bytes}${set('GOOD', 'yes')}`);
      const { env, notes } = await login(shell);
      expect(env.GOOD).toBe('yes');
      expect(env.BAD).toBeUndefined();
      expect(notes).toEqual(['left out, not UTF-8: BAD']);
    });

    test('exit in a start-up file: a step down is taken and said (in fish it ends that file only)', async () => {
      startup(shell, 'exit 3\n');
      const { env, source, notes } = await login(shell, { baseEnv: { OWN: 'yes' } });
      expect(env.OWN).toBe('yes');
      if (shell === 'fish') return expect({ source, notes }).toEqual({ source: 'fish -l -i', notes: [] });
      expect(notes[0]).toContain(
        `the login environment of ${shell} -l -i could not be read: it ended with code 3 before it could be asked`,
      );
      if (['bash', 'zsh', 'mksh'].includes(shell)) expect(source).toBe(`${shell} -l`);
      else {
        expect(source).toBe('follower');
        expect(notes.at(-1)).toBe("the run has the follower's own environment instead");
      }
    });
  });

describe('start-up files that misbehave', () => {
  test.skipIf(!present('bash'))('exec at the end of .bashrc: the plain login is taken', async () => {
    startup('bash', 'exec true\n');
    const { env, source, notes } = await login('bash');
    expect(source).toBe('bash -l');
    expect(env.LOGIN_FILE).toBe('read');
    expect(notes).toEqual([expect.stringContaining('exec in a start-up file?')]);
  });

  test.skipIf(!present('zsh') || !present('bash'))('exec of another shell', async () => {
    startup('bash', 'exec zsh -l\n');
    expect((await login('bash')).source).toBe('bash -l');
  });

  test.skipIf(!present('bash'))('-e and -u', async () => {
    startup('bash', 'set -eu\nexport DONE=yes\n');
    expect(await login('bash')).toMatchObject({ env: { DONE: 'yes' }, notes: [] });
  });

  test.skipIf(!present('zsh'))('zsh with -e, -u, NO_CLOBBER and global aliases', async () => {
    startup(
      'zsh',
      'setopt err_exit no_unset no_clobber\nalias -g -- -0=--broken\nalias -g /usr/bin/env=false\nexport DONE=yes\n',
    );
    expect(await login('zsh')).toMatchObject({ env: { DONE: 'yes' }, notes: [] });
  });

  test.skipIf(!present('bash'))('a variable they unset is unset', async () => {
    startup('bash', 'unset GONE\n');
    expect((await login('bash', { baseEnv: { GONE: 'x' } })).env.GONE).toBeUndefined();
  });

  test.skipIf(!present('bash'))('exported functions stay out', async () => {
    startup('bash', 'f() { :; }\nexport -f f\nexport DONE=yes\n');
    const { env } = await login('bash');
    expect(Object.keys(env).filter(name => name.includes('%'))).toEqual([]);
    expect(env.DONE).toBe('yes');
  });

  test.skipIf(!present('zsh'))(
    'a hang ends with all its processes, and the plain login is taken',
    async () => {
      const pids = join(home, 'pids');
      startup(
        'zsh',
        `sleep 5000 & echo $! >>"$HOME/pids"\nsetsid sleep 5000 & echo $! >>"$HOME/pids"\necho $$ >>"$HOME/pids"\nwait\n`,
      );
      write('.zprofile', 'export PLAIN=yes\n');
      const { env, source, notes } = await login('zsh', { timeoutMs: 2500 });
      started.push(pids);
      expect(source).toBe('zsh -l');
      expect(env.PLAIN).toBe('yes');
      expect(notes).toEqual([expect.stringContaining('its start-up files took longer than 2.5 s')]);
      expect(readFileSync(pids, 'utf8').trim().split('\n')).toHaveLength(3);
    },
  );

  test.skipIf(!present('fish'))('a hang in a job of its own process group', async () => {
    const pids = join(home, 'pids');
    write(
      '.config/fish/config.fish',
      `status is-interactive; or exit 0\necho $fish_pid >>"$HOME/pids"\nsh -c 'echo $$ >>"$HOME/pids"; exec sleep 5000'\n`,
    );
    const { notes } = await login('fish', { timeoutMs: 2500 });
    started.push(pids);
    expect(notes[0]).toContain('took longer');
    expect(readFileSync(pids, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  test.skipIf(!present('sh'))('a background process they leave does not hold the answer up', async () => {
    const pids = join(home, 'pids');
    startup('sh', `sleep 5000 & echo $! >"$HOME/pids"\nexport DONE=yes\n`);
    expect(await login('sh')).toMatchObject({ env: { DONE: 'yes' }, notes: [] });
    for (const pid of aliveWith([pids])) process.kill(pid, 'SIGKILL');
  });

  test.skipIf(!onLinux)('a shell that is not there', async () => {
    const { env, source, notes } = await login('bash', {
      shells: { bash: join(home, 'gone') },
      baseEnv: { OWN: 'x' },
    });
    expect(source).toBe('follower');
    expect(env).toMatchObject({ OWN: 'x', HOME: home });
    expect(env.PATH).toContain('/usr/bin');
    expect(notes).toHaveLength(3);
  });

  test.skipIf(!present('sh'))('a home that is not there', async () => {
    rmSync(home, { recursive: true });
    expect(await login('sh')).toMatchObject({ source: 'sh -l -i', env: { HOME: home } });
  });
});

describe('the choice of shell', () => {
  test.skipIf(!present('bash'))("pwsh has the login of the user's own shell", async () => {
    startup('bash', 'export DONE=yes\n');
    const options = { user: { name: me, home, shell: shells.bash } };
    expect(await login('pwsh', options)).toMatchObject({
      source: 'bash -l -i',
      notes: [],
      env: { DONE: 'yes' },
    });
  });

  test.skipIf(!present('bash'))(
    "one that is not installed gives way to the user's own, and that is said",
    async () => {
      const { zsh: _, ...without } = shells;
      const result = await login('zsh', {
        shells: without,
        user: { name: me, home, shell: shells.bash },
      });
      expect(result.source).toBe('bash -l -i');
      expect(result.notes).toEqual(['zsh is not installed; the login environment is that of bash']);
    },
  );
});

describe('macOS asks through Node', () => {
  test.skipIf(!present('zsh'))('with the same answer', async () => {
    startup('zsh', "export MULTI='a\nb'\necho banner\ncd /\n");
    expect(await login('zsh', { os: 'macos' })).toMatchObject({
      source: 'zsh -l -i',
      notes: [],
      env: { MULTI: 'a\nb' },
    });
  });
});

describe('answers are kept', () => {
  const counted = () => readFileSync(join(home, 'count'), 'utf8').trim().split('\n').length;
  const countOnce = 'echo x >>"$HOME/count"\n';

  test.skipIf(!present('bash'))('for the same shell, start-up files and base', async () => {
    startup('bash', countOnce);
    const [first, second] = await Promise.all([login('bash'), login('bash')]);
    expect(first).toBe(second);
    expect(await login('bash')).toBe(first);
    expect(counted()).toBe(1);
    await login('bash', { baseEnv: { OTHER: '1' } });
    expect(counted()).toBe(2);
    startup('bash', `${countOnce}export NEW=yes\n`);
    expect((await login('bash')).env.NEW).toBe('yes');
    expect(counted()).toBe(3);
  });

  test.skipIf(!present('bash'))('for ten minutes, failures too', async () => {
    write('.bash_profile', `${countOnce}exit 1\n`);
    let now = 0;
    const ask = () => login('bash', { clock: () => now });
    expect((await ask()).source).toBe('follower');
    now = 599_999;
    await ask();
    expect(counted()).toBe(2);
    now = 600_000;
    await ask();
    expect(counted()).toBe(4);
  });
});
