/** `aw agent followers check`: what a fence would refuse, before there is one, and what to do about it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { PortabilityHost, PortabilityProblem } from '../../contract/portability.ts';
import { fence, fill, read } from '../support/fence.ts';
import { type Fleet, makeFleet } from '../support/fleet.ts';
import { canMount, mountImage } from '../support/mounts.ts';

let fleet: Fleet;
afterEach(() => fleet.stop());

const windows = { name: 'win-1', os: 'windows', workspace: 'C:\\p', socket: '/nowhere/agent.sock' };
const windowsToo = { ...windows, name: 'win-2' };

async function check(...args: string[]) {
  const { code, stdout, stderr } = await fleet.aw(['agent', 'followers', 'check', '--json', ...args]);
  const records: { type?: string }[] = stdout
    .toString()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line));
  return {
    code,
    stderr,
    hosts: records.filter(({ type }) => type === 'host').map(record => PortabilityHost.parse(record)),
    problems: records
      .filter(({ type }) => type === 'problem')
      .map(record => PortabilityProblem.parse(record)),
  };
}

const hostile = {
  'src/Foo.ts': 'a',
  'src/foo.ts': 'b',
  'src/foo-2.ts': 'in the way of the first suggestion',
  'con/a?': 'c',
  'con/A!': 'd',
  'end.': 'e',
};

test('hosts are asked, and those that cannot be are taken for usual ones of their OS, which is said', async () => {
  fleet = makeFleet([{ name: 'lin' }, windows]);
  fill(fleet.project, hostile);
  fill(fleet.workspace('lin'), { mine: 'somebody works here' });
  const { code, hosts, problems } = await check();
  expect(code).toBe(3);
  expect(hosts).toMatchObject([
    { host: 'lin', basis: 'probed', capabilities: { caseSensitive: true, symlinks: true } },
    { host: 'win-1', basis: 'assumed', capabilities: { caseSensitive: false, symlinks: false } },
  ]);
  expect(hosts.map(({ error }) => error?.code)).toEqual([undefined, expect.stringMatching(/^AW_/)]);
  expect(problems.map(({ path, code, rename, hosts }) => [path, code, rename, hosts])).toEqual([
    ['con', 'reserved-name', 'con_', ['win-1']],
    ['con/a?', 'illegal-character', 'a_', ['win-1']],
    ['end.', 'trailing-dot-or-space', 'end', ['win-1']],
    ['src/foo.ts', 'name-collision', 'foo-3.ts', ['win-1']],
  ]);
  expect(read(fleet.workspace('lin'))).toEqual({ mine: 'somebody works here' });
});

test('with the names that it says, nothing is left to find', async () => {
  fleet = makeFleet([windows]);
  fill(fleet.project, hostile);
  const { problems } = await check('--offline');
  for (const { path, rename } of problems.toReversed()) {
    renameSync(join(fleet.project, path), join(fleet.project, path, '..', rename!));
  }
  expect(await check('--offline')).toMatchObject({ code: 0, problems: [] });
});

test('offline nobody is asked and nothing is started', async () => {
  fleet = makeFleet([{ name: 'lin' }, { name: 'mac', os: 'macos' }]);
  fill(fleet.project, { a: '', 'e\u0301': '', é: '' });
  const { code, hosts, problems } = await check('--offline');
  expect(code).toBe(3);
  expect(hosts.map(({ basis, error }) => [basis, error])).toEqual([
    ['assumed', undefined],
    ['assumed', undefined],
  ]);
  expect(problems).toMatchObject([{ path: 'é', code: 'name-collision', hosts: ['mac'] }]);
  expect(fleet.processes()).toEqual([]);
});

test('what is no text, no file, or not to be read is found with all the rest, and what is ignored is not', async () => {
  fleet = makeFleet([{ name: 'lin' }]);
  fill(fleet.project, { 'node_modules/a:b': '', ok: '' });
  execFileSync('mkfifo', [join(fleet.project, 'pipe')]);
  writeFileSync(Buffer.concat([Buffer.from(`${fleet.project}/caf`), Buffer.from([0xe9])]), '');
  symlinkSync('/etc/hostname', join(fleet.project, 'absolute'));
  const { code, problems } = await check();
  expect(code).toBe(3);
  expect(problems.map(({ path, code, rename }) => [path, code, rename])).toEqual([
    ['caf\ufffd', 'name-not-utf8', 'caf_'],
    ['pipe', 'special-file', undefined],
  ]);
  await expect(fence(fleet)).rejects.toThrow('AW_LEADER_UNREADABLE');
  unlinkSync(Buffer.concat([Buffer.from(`${fleet.project}/caf`), Buffer.from([0xe9])]));
  unlinkSync(join(fleet.project, 'pipe'));
  expect((await fence(fleet)).code).toBe(0);
});

test('line endings that are not those of the repository are warnings, for the files of the tree', async () => {
  fleet = makeFleet([{ name: 'lin' }]);
  fill(fleet.project, {
    '.gitattributes': '*.txt text eol=lf\n*.bat text eol=crlf\n*.bin -text\n',
    'wrong.txt': 'a\r\nb\r\n',
    'mixed.txt': 'a\r\nb\n',
    'right.bat': 'a\r\n',
    'any.bin': 'a\r\nb\n',
    'build/wrong.txt': 'a\r\n',
  });
  const git = (...args: string[]) => execFileSync('git', args, { cwd: fleet.project, stdio: 'pipe' });
  git('init', '--quiet');
  // What a repository would have run must not be.
  git('config', 'core.fsmonitor', `touch ${join(fleet.dir, 'ran')}`);
  const { code, problems } = await check('--offline');
  expect(code).toBe(0);
  expect(problems.map(({ path, code, level }) => [path, code, level])).toEqual([
    ['mixed.txt', 'mixed-line-endings', 'warning'],
    ['wrong.txt', 'line-endings', 'warning'],
  ]);
  expect(read(fleet.dir, ['home', 'project', 'state', 'tmp', 'workspaces'])).toEqual({});
});

test('for a person: by what is wrong and where, hosts as ranges, and at the end the count', async () => {
  fleet = makeFleet([{ name: 'lin' }, windows, windowsToo]);
  fill(fleet.project, { 'a:b': '', 'c|d\u001b[31m': '', [`${'deep/'.repeat(60)}x`]: '' });
  const { code, stdout } = await fleet.aw(['agent', 'followers', 'check', '--offline']);
  expect(code).toBe(3);
  const text = stdout.toString();
  expect(text).not.toContain('\u001b');
  expect(text.split('\n')).toEqual([
    `${fleet.project}: 4 files in 62 directories`,
    '  lin: case counts; assumed: nobody was asked',
    '  win-[1-2] (2 hosts): case does not count, names as on Windows, no links, no executable marks; assumed: nobody was asked',
    '  line endings were not looked at: git knows nothing of this directory',
    '',
    'error illegal-character on win-[1-2] (2 hosts): a character that names cannot have there',
    '  a:b       contains ":"; rename it to a-b',
    '  c|d [31m  contains "|"; rename it to c_d_[31m',
    '',
    expect.stringMatching(/^warning path-too-long on win-\[1-2\] \(2 hosts\): /),
    expect.stringMatching(
      /^ {2}(deep\/){51}deep {2}26\d characters with "C:\\\\p" before it; 259 are usual there$/,
    ),
    '',
    '2 paths that some follower cannot have; warnings of 1 path',
    '',
  ]);
});

describe.skipIf(!canMount('exfat-fuse'))('exfat-fuse', () => {
  test('a workspace that ignores case says itself which names are one', async () => {
    const mount = mountImage('exfat-fuse');
    try {
      mkdirSync(join(mount.path, 'w'));
      fleet = makeFleet([{ name: 'disk', workspace: join(mount.path, 'w') }]);
      fill(fleet.project, { ß: '', SS: '', i: '', '\u0131': '', K: '', k: '' });
      const { problems } = await check();
      expect(problems.map(({ path, code }) => [path, code])).toEqual([['k', 'name-collision']]);
      expect(read(join(mount.path, 'w'))).toEqual({});
      await fleet.aw(['agent', 'followers', 'stop', '--all']);
    } finally {
      mount.unmount();
    }
  });
});
