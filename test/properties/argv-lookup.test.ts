/** Which file a name stands for: never one in the working directory, never one a shell would make of it. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import { adapt } from '../../follower/adapters/index.ts';
import type { CommandSpec, HostFacts, Invocation } from '../../follower/adapters/types.ts';
import { linuxFacts, windowsFacts } from './machines.ts';
import { makeBench, nulTerminated } from './spawn.ts';
import { awkwardNames } from './vectors.ts';

function resolve(name: string, facts: HostFacts, shell?: CommandSpec['shell']): Invocation {
  const command = { kind: 'argv' as const, argv: [name, 'arg'] };
  const loginShell = facts.os === 'windows' ? 'cmd' : 'sh';
  return adapt({ command, loginShell, ...(shell === undefined ? {} : { shell }) }, facts);
}

function refusal(name: string, facts: HostFacts, shell?: CommandSpec['shell']): AwError {
  try {
    resolve(name, facts, shell);
  } catch (error) {
    if (error instanceof AwError) return error;
    throw error;
  }
  throw new Error(`${name} was found`);
}

describe('Linux and macOS', () => {
  const files = {
    '/usr/local/bin/tool': 'denied',
    '/usr/bin/tool': 'executable',
    '/usr/bin/locked': 'denied',
    '/usr/bin/folder': 'directory',
    '/proj/planted': 'executable',
    '/proj/bin/planted': 'executable',
  };
  const facts = linuxFacts({ files });

  test('a bare name is the first executable file in PATH, under the name as typed', () => {
    expect(resolve('tool', facts)).toEqual({
      file: '/usr/bin/tool',
      args: ['arg'],
      argv0: 'tool',
      env: facts.env,
      cwd: '/proj',
    });
  });

  test('a name with a slash is relative to the working directory', () => {
    expect(resolve('./planted', facts).file).toBe('/proj/planted');
    expect(resolve('bin/planted', facts).file).toBe('/proj/bin/planted');
    expect(resolve('/usr/bin/tool', facts)).toMatchObject({ file: '/usr/bin/tool', argv0: '/usr/bin/tool' });
  });

  test.each(['', ':', '.', 'bin', './bin', ':/usr/bin', '/usr/bin:', '/usr/bin::/bin'])(
    'A41: PATH=%j does not make the working directory searched',
    PATH => {
      expect(refusal('planted', linuxFacts({ files, env: { PATH } })).code).toBe('AW_CMD_NOT_FOUND');
    },
  );

  test('what is there but cannot run is another error than what is not there', () => {
    const locked = refusal('locked', facts);
    expect(locked.code).toBe('AW_CMD_NOT_EXECUTABLE');
    expect(locked.message).toBe(
      'command "locked" is "/usr/bin/locked", which cannot be executed: it has no execute permission for this user',
    );
    expect(refusal('folder', facts).message).toContain('it is a directory');
    expect(refusal('/usr/bin', linuxFacts({ files: { '/usr/bin': 'directory' } })).code).toBe(
      'AW_CMD_NOT_EXECUTABLE',
    );
    expect(refusal('./missing', facts).message).toBe(
      'command "./missing" was not found; searched "/proj/missing"',
    );
    expect(refusal('', facts).code).toBe('AW_CMD_NOT_FOUND');
  });

  test('the error lists PATH, bounded, and knows shell builtins', () => {
    expect(refusal('nope', facts).message).toBe(
      'command "nope" was not found; searched "/usr/local/bin:/usr/bin:/bin"',
    );
    expect(refusal('export', facts).message).toContain('; "export" is a shell builtin, not a program');
    expect(
      refusal('nope', linuxFacts({ env: { PATH: '/long/entry:'.repeat(10_000) } })).message.length,
    ).toBeLessThan(1200);
    expect(refusal('nope', linuxFacts({ env: { PATH: '' } })).message).toContain('PATH is empty');
  });

  test('without PATH the system directories are searched', () => {
    expect(resolve('tool', linuxFacts({ files, env: {} })).file).toBe('/usr/bin/tool');
  });

  test('--shell looks the name up by the same rules, and needs the shell', () => {
    expect(resolve('tool', facts, 'zsh').args.slice(-2)).toEqual(['/usr/bin/tool', 'arg']);
    expect(refusal('nope', facts, 'bash').code).toBe('AW_CMD_NOT_FOUND');
    const error = refusal('tool', facts, 'mksh');
    expect(error.code).toBe('AW_SHELL_UNSUPPORTED');
    expect(error.remedy).toBe('install it, or choose one of: bash, dash, fish, sh, zsh');
    expect(refusal('tool', facts, 'cmd').code).toBe('AW_SHELL_UNSUPPORTED');
    expect(refusal('tool', facts, 'powershell').code).toBe('AW_SHELL_UNSUPPORTED');
  });
});

describe('Windows', () => {
  const files = {
    'C:\\tools\\both.exe': 'executable',
    'C:\\tools\\both.cmd': '@rem\r\n',
    'C:\\tools\\script.ps1': 'executable',
    'C:\\tools\\script.js': 'executable',
    'C:\\tools\\npm': '#!/bin/sh\n',
    'C:\\tools\\dotted.name.exe': 'executable',
    'C:\\semi;colon\\inner.exe': 'executable',
    'S:\\proj\\foo.exe': 'executable',
    'S:\\proj\\foo.cmd': '@rem\r\n',
    'S:\\proj\\foo.ps1': 'executable',
    'S:\\proj\\foo': '#!/bin/sh\n',
    'S:\\root.exe': 'executable',
  };
  const facts = windowsFacts({ files });

  test('names are completed from PATHEXT, in its order, case aside', () => {
    expect(resolve('both', facts).file).toBe('C:\\tools\\both.exe');
    const cmdFirst = windowsFacts({ files, env: { PATH: 'C:\\tools', PathExt: '.CMD;.EXE' } });
    expect(resolve('both', cmdFirst).verbatim).toBe(true);
    expect(resolve('APP.EXE', facts).file).toBe('C:\\tools\\APP.EXE');
    expect(resolve('dotted.name', facts).file).toBe('C:\\tools\\dotted.name.exe');
  });

  test('a PATH entry may be quoted and hold a semicolon', () => {
    const env = { Path: 'relative;;"C:\\semi;colon";C:\\tools' };
    expect(resolve('inner', windowsFacts({ files, env })).file).toBe('C:\\semi;colon\\inner.exe');
    expect(resolve('app', windowsFacts({ files, env })).file).toBe('C:\\tools\\app.exe');
  });

  test.each(['.;C:\\tools', '', ';', 'proj', '\\proj', 'S:', 'S:proj'])(
    'A41: with PATH=%j a bare name is not looked for in the working directory',
    Path => {
      for (const name of ['foo', 'foo.exe', 'foo.cmd', 'FOO'])
        expect(refusal(name, windowsFacts({ files, env: { Path } })).code).toBe('AW_CMD_NOT_FOUND');
    },
  );

  test('.ps1 and .js are not completed, though PATHEXT lists them', () => {
    expect(refusal('script', facts).code).toBe('AW_CMD_NOT_FOUND');
    expect(refusal('script.js', facts).message).toContain(
      'Windows runs only .com, .exe, .bat, .cmd by themselves',
    );
  });

  test('paths are absolute, of the working directory, or of its drive', () => {
    for (const name of [
      '.\\foo',
      './foo',
      'S:\\proj\\foo.exe',
      'S:/proj/foo',
      '\\proj\\foo',
      '.\\sub\\..\\foo',
    ])
      expect(resolve(name, facts).file.toLowerCase()).toBe('s:\\proj\\foo.exe');
    for (const name of ['S:foo', 'C:foo.exe', '.\\foo.exe:stream', 'foo:bar.exe'])
      expect(refusal(name, facts).code).toBe('AW_CMD_NOT_FOUND');
  });

  test('a name that Windows would shorten to a batch file is not taken for a program', () => {
    const opened = windowsFacts({
      files: { ...files, 'C:\\tools\\both.cmd.': '@rem', 'C:\\tools\\both.cmd ': '@rem' },
    });
    for (const name of ['both.cmd.', 'both.cmd '])
      expect(refusal(name, opened).code).toBe('AW_CMD_NOT_EXECUTABLE');
  });

  test('a file without extension is a shell script, which Windows cannot start', () => {
    expect(refusal('npm', facts).code).toBe('AW_CMD_NOT_EXECUTABLE');
    expect(refusal('npm', facts).message).toContain('C:\\\\tools\\\\npm');
  });
});

describe('this machine', () => {
  const bench = makeBench();
  const bin = join(bench.dir, 'bin');
  beforeAll(() => {
    for (const name of awkwardNames) {
      writeFileSync(join(bin, name), `#!/bin/sh\nprintf '%s\\0' found "$@"\n`);
      chmodSync(join(bin, name), 0o755);
    }
    // Traps in every start-up file a shell might read.
    const trap = 'true() { echo trapped; }; exec() { echo trapped; }; alias ls="echo trapped"; echo trapped';
    const home = join(bench.dir, 'home');
    for (const name of ['.zshenv', '.bashrc', '.profile', '.mkshrc', 'env'])
      writeFileSync(join(home, name), trap);
    mkdirSync(join(home, '.config/fish'), { recursive: true });
    writeFileSync(join(home, '.config/fish/config.fish'), 'function true; echo trapped; end; echo trapped');
  });
  afterAll(() => bench.remove());

  const traps = () => ({
    ...bench.facts.env,
    PATH: `${bin}:${bench.facts.env.PATH}`,
    ENV: join(bench.dir, 'home/env'),
    BASH_ENV: join(bench.dir, 'home/env'),
    'BASH_FUNC_exec%%': '() { echo trapped; }',
    'BASH_FUNC_true%%': '() { echo trapped; }',
  });

  test.each([undefined, ...bench.shells])(
    'A40: awkward names run the program in PATH (shell %s)',
    async shell => {
      for (const name of awkwardNames) {
        const command = { kind: 'argv' as const, argv: [name, 'a b', '-x'] };
        const { stdout, stderr } = await bench.run({ command, ...(shell && { shell }) }, { env: traps() });
        expect({ name, seen: nulTerminated(stdout), stderr }).toEqual({
          name,
          seen: ['found', 'a b', '-x'],
          stderr: '',
        });
      }
    },
  );

  test.each(bench.shells)('a script in %s starts without start-up files', async shell => {
    const env = { ...bench.facts.env, ENV: join(bench.dir, 'home/env'), SSH_CLIENT: '::1 1 2' };
    const command = { kind: 'script' as const, script: 'true && echo clean' };
    expect(await bench.run({ command, shell }, { env })).toMatchObject({
      code: 0,
      stdout: Buffer.from('clean\n'),
    });
  });

  test('the environment reaches the program as it is, through bash too', async () => {
    const command = { kind: 'argv' as const, argv: ['/usr/bin/env', '-0'] };
    const env = { ...traps(), 'ProgramFiles(x86)': 'C:\\x', EMPTY: '', LINES2: 'a\nb' };
    const read = (output: Buffer) =>
      nulTerminated(output)
        .filter(line => !/^(?:_|PWD|OLDPWD|SHLVL)=/.test(line))
        .sort();
    const expected = Object.entries(env)
      .map(([name, value]) => `${name}=${value}`)
      .sort();
    expect(read((await bench.run({ command }, { env })).stdout)).toEqual(expected);
    if (bench.shells.includes('bash'))
      expect(read((await bench.run({ command, shell: 'bash' }, { env })).stdout)).toEqual(expected);
  });
});
