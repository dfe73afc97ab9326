/** The bins work however they are started. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '../..');
const bins = ['aw', 'run-everywhere', 'aw-follower'] as const;
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'aw-launchers-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (file: string, args: string[], env: NodeJS.ProcessEnv = process.env) =>
  spawnSync(file, args, { cwd: dir, env, encoding: 'utf8' });

test.each(bins)('%s by path, from another directory', bin => {
  expect(run(join(repository, 'bin', `${bin}.js`), ['--help'])).toMatchObject({ status: 0, stderr: '' });
});

test.each(bins)('%s by a symlink to a symlink', bin => {
  symlinkSync(join(repository, 'bin', `${bin}.js`), join(dir, `${bin}-link`));
  symlinkSync(`${bin}-link`, join(dir, bin));
  expect(run(join(dir, bin), ['--help'])).toMatchObject({ status: 0, stderr: '' });
});

/** A `node` that is too old to run the sources but runs the launcher: today's, under a version of yesterday. */
function oldNode(): string {
  const bin = join(dir, 'old');
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(dir, 'age.cjs'),
    `if (process.argv0.endsWith('old-node')) {
       Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } });
       process.execve = undefined;
     }`,
  );
  writeFileSync(
    join(bin, 'node'),
    `#!/bin/bash\nexec -a old-node "${process.execPath}" --require "${join(dir, 'age.cjs')}" "$@"\n`,
    { mode: 0o755 },
  );
  return bin;
}

test.each(bins)('%s with an old node first in PATH goes over to the pinned one', bin => {
  const env = { ...process.env, PATH: `${oldNode()}:${process.env.PATH}` };
  const result = run(join(repository, 'bin', `${bin}.js`), ['--help'], env);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  expect(result.stdout).toContain(bin);
});

test('with an old node and nothing pinned beside it: one line that says what is missing', () => {
  const bare = join(dir, 'bare');
  mkdirSync(join(bare, 'bin'), { recursive: true });
  for (const file of ['aw.js', 'launch.js'])
    copyFileSync(join(repository, 'bin', file), join(bare, 'bin', file));
  writeFileSync(join(bare, 'package.json'), readFileSync(join(repository, 'package.json')));
  const result = run(join(bare, 'bin/aw.js'), ['--help'], {
    ...process.env,
    PATH: `${oldNode()}:${process.env.PATH}`,
  });
  expect(result.status).toBe(4);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(result.stderr).toContain('Node 22.22 or newer is needed');
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  'started by an old node, %s still ends the command',
  async signal => {
    const env = {
      ...process.env,
      PATH: `${oldNode()}:${process.env.PATH}`,
      AW_STATE_DIR: join(dir, 'state'),
    };
    const child = spawn(join(repository, 'bin/aw.js'), ['serve', '--port', '0', '--db', ':memory:'], {
      cwd: dir,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill(signal);
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
  },
);

test('npx finds the commands in a checkout', () => {
  const checkout = join(dir, 'checkout');
  cpSync(join(repository, 'bin'), join(checkout, 'bin'), { recursive: true });
  for (const folder of ['cli', 'contract', 'leader', 'server', 'tunnel', 'follower', 'node_modules'])
    symlinkSync(join(repository, folder), join(checkout, folder));
  copyFileSync(join(repository, 'package.json'), join(checkout, 'package.json'));
  const result = spawnSync('npx', ['--offline', 'aw', '--help'], {
    cwd: checkout,
    encoding: 'utf8',
    env: { ...process.env, npm_config_cache: join(dir, 'npm-cache') },
  });
  expect(result.stderr).not.toContain('ERR');
  expect(result.stdout).toContain('run-everywhere');
  expect(result.status).toBe(0);
});

test.skipIf(process.platform !== 'linux')(
  'an argument that is not UTF-8 is refused; U+FFFD itself is not',
  () => {
    const launcher = join(repository, 'bin/aw.js');
    const env = { ...process.env, PATH: `${join(repository, 'node_modules/.bin')}:${process.env.PATH}` };
    const give = (bytes: string) => run('sh', ['-c', `exec "$0" help "$(printf '${bytes}')"`, launcher], env);
    for (const bytes of ['a\\377', '\\355\\240\\200', '\\357\\277\\275\\300']) {
      expect(give(bytes)).toMatchObject({
        status: 2,
        stdout: '',
        stderr: expect.stringContaining('not valid UTF-8'),
      });
    }
    expect(give('\\357\\277\\275').stderr).not.toContain('not valid UTF-8');
  },
);
