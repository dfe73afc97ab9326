/** Byte for byte, whatever the project's repository says about bytes; and nothing that it holds is run or changed. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
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
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { requires, which } from '../../test/support/require.ts';
import { createSnapshot, deleteSnapshot, listSnapshots } from './index.ts';

let dir: string;
let project: string;
let stateDir: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-git-')));
  project = join(dir, 'project');
  stateDir = join(dir, 'state');
  mkdirSync(project);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const take = () => createSnapshot(project, { stateDir, provider: 'git' });

/** In the project's own repository, as its user would. */
function git(...args: string[]): string {
  const identity = ['-c', 'user.name=u', '-c', 'user.email=u@localhost'];
  return execFileSync('git', ['-C', project, ...identity, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: dir, GIT_CONFIG_NOSYSTEM: '1' },
  });
}

/** What anybody gets out of a snapshot by hand. */
function unpack({ place, commit }: { place: string; commit?: string | undefined }): string {
  const to = mkdtempSync(join(dir, 'unpacked-'));
  const archive = execFileSync('git', ['--git-dir', place, 'archive', commit!], { maxBuffer: 1 << 26 });
  execFileSync('tar', ['-x', '-C', to], { input: archive });
  return to;
}

function put(path: string, content: string | Buffer): void {
  mkdirSync(join(project, path, '..'), { recursive: true });
  writeFileSync(join(project, path), content);
}

function files(root: string): Record<string, string> {
  const found = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(path => !path.slice(root.length).includes('/.git/'))
    .map((path): [string, string] => [path.slice(root.length + 1), readFileSync(path, 'latin1')]);
  return Object.fromEntries(found.sort(([one], [other]) => (one < other ? -1 : 1)));
}

describe.skipIf(!requires('git', which('git') !== undefined))('git', () => {
  test('C6: every byte, under attributes that ask for other ones', async () => {
    cpSync('fixtures/line-endings/files', join(project, 'files'), { recursive: true });
    put(
      '.gitattributes',
      '* text=auto eol=crlf\n*.txt ident working-tree-encoding=UTF-16\n*.dat filter=evil export-ignore\n',
    );
    put('crlf.txt', 'a\r\nb\nc\r$Id$ $Format:%H$\n');
    put('bom.txt', Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x0d, 0x0a]));
    put('bytes.dat', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
    git('init', '--quiet');
    const snapshot = await take();
    expect(files(unpack(snapshot))).toEqual(files(project));
    expect(Object.keys(files(project)).length).toBeGreaterThan(10);
  });

  test('names, modes, links, empty directories; what .gitignore leaves out, but not what the fence does', async () => {
    for (const name of ['a"b\\c', 'new\nline', ' é ', '-x', 'GIT~1', '.gitignore']) put(name, name);
    put('.gitignore', 'ignored/\n');
    put('ignored/file', 'in the tree all the same');
    put('node_modules/x', 'not in the tree');
    put('nested/.git/config', 'not in the tree');
    put('nested/file', 'of another repository');
    put('run', '#!/bin/sh\n');
    chmodSync(join(project, 'run'), 0o755);
    symlinkSync('../nowhere', join(project, 'link'));
    mkdirSync(join(project, 'empty/inner'), { recursive: true });
    const { id, ...snapshot } = await take();

    const expected = { ...files(project) };
    delete expected['node_modules/x'];
    const root = unpack(snapshot);
    expect(files(root)).toEqual(expected);
    expect(Object.keys(expected)).toContain('ignored/file');
    execFileSync('test', ['-x', join(root, 'run')]);
    expect(execFileSync('readlink', [join(root, 'link')], { encoding: 'utf8' })).toBe('../nowhere\n');
    const manifest = readFileSync(join(stateDir, 'snapshots', id, 'manifest.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(manifest).toContainEqual({ path: 'empty/inner', kind: 'directory' });
    expect(manifest).toContainEqual({ path: 'link', kind: 'symlink', target: '../nowhere' });
    expect(manifest.find(({ path }) => path === 'run')).toMatchObject({ executable: true, size: 10 });
    expect(manifest.some(({ path }) => /node_modules|\.git\//.test(path))).toBe(false);
  });

  test('nothing of a hostile repository is run', async () => {
    const canary = join(dir, 'canary');
    const program = join(project, 'evil.sh');
    put('evil.sh', `#!/bin/sh\ntouch ${canary}\ncat\n`);
    chmodSync(program, 0o755);
    git('init', '--quiet');
    put('hooks/post-checkout', `#!/bin/sh\ntouch ${canary}\n`);
    cpSync(program, join(project, '.git/hooks/reference-transaction'));
    put('.gitattributes', '* filter=evil diff=evil text=auto\n');
    put('more.config', `[core]\n\tfsmonitor = ${program}\n`);
    put('file', 'x\r\n');
    const config = [
      ...[
        'core.fsmonitor',
        'core.pager',
        'core.editor',
        'core.sshCommand',
        'gpg.program',
        'uploadpack.packObjectsHook',
      ],
      ...[
        'filter.evil.clean',
        'filter.evil.smudge',
        'filter.evil.process',
        'diff.evil.textconv',
        'diff.external',
      ],
    ].map(key => [key, program] as const);
    for (const [key, value] of config) git('config', key, value);
    git('config', 'filter.evil.required', 'true');
    git('config', 'core.hooksPath', join(project, 'hooks'));
    git('config', 'include.path', '../more.config');
    // That the trap works: git itself falls into it.
    try {
      git('add', 'file');
    } catch {}
    expect(existsSync(canary)).toBe(true);
    rmSync(canary);

    const snapshot = await take();
    await deleteSnapshot((await take()).id, { stateDir });
    expect(files(unpack(snapshot)).file).toBe('x\r\n');
    expect(existsSync(canary)).toBe(false);
  });

  test("the user's repository stays as it is", async () => {
    put('a', '1');
    put('b', '1');
    git('init', '--quiet');
    git('add', 'a');
    git('commit', '--quiet', '-m', 'm');
    put('a', '2');
    git('add', 'a');
    put('a', '3');
    const look = () => ({
      status: git('status', '--porcelain=v2', '--untracked-files=all'),
      index: createHash('sha256')
        .update(readFileSync(join(project, '.git/index')))
        .digest('hex'),
      objects: readdirSync(join(project, '.git/objects'), { recursive: true }).sort(),
      refs: git('for-each-ref'),
    });
    // Once before, because it is git status that writes down what it has seen.
    look();
    const before = look();
    await take();
    expect(look()).toEqual(before);
  });

  test('equal contents are kept once, and go with the last snapshot that has them', async () => {
    put('same', randomBytes(3_000_000));
    const one = await take();
    put('other', '2');
    const two = await take();
    expect(two.place).toBe(one.place);
    const count = () =>
      Number(
        execFileSync('git', ['--git-dir', one.place, 'cat-file', '--batch-all-objects', '--batch-check'])
          .toString()
          .split('\n').length - 1,
      );
    execFileSync('git', ['--git-dir', one.place, 'fsck', '--strict'], { stdio: 'pipe' });
    // Two commits, two trees, two contents.
    expect(count()).toBe(6);
    await deleteSnapshot(one.id, { stateDir });
    expect(count()).toBe(4);
    expect(files(unpack(two))).toEqual(files(project));
    await deleteSnapshot(two.id, { stateDir });
    expect(existsSync(one.place)).toBe(false);
    expect(listSnapshots({ stateDir })).toEqual([]);
  });
});
