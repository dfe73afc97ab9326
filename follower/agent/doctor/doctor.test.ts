/** What the doctor makes of disks, directories and the two PATHs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lostNames } from '../doctor.ts';
import { stateDirectory, workspace } from './directories.ts';
import { judgeSpace } from './disk.ts';
import { comparePaths } from './path.ts';

const GIB = 1024 ** 3;
const space = {
  type: 0,
  bsize: 4096,
  blocks: (100 * GIB) / 4096,
  bavail: (50 * GIB) / 4096,
  files: 1000,
  ffree: 900,
};

test.each([
  ['enough', {}, 'ok', '50.0 GiB free (50 %), 90 % of inodes free'],
  ['nobody counts files', { files: 0, ffree: 0 }, 'ok', '50.0 GiB free (50 %), /d'],
  ['below a GiB', { blocks: (2 * GIB) / 4096, bavail: GIB / 4096 - 1 }, 'warning', '1023 MiB'],
  ['below 5 %', { bavail: (4 * GIB) / 4096 }, 'warning', '4 %'],
  ['few inodes', { files: 100_000, ffree: 4_000 }, 'warning', '4 % of inodes'],
  ['full', { bavail: 10 }, 'failed', '0 MiB'],
  ['no inodes', { files: 100_000, ffree: 3 }, 'failed', '0 % of inodes'],
])('a disk: %s', (_, more, status, detail) => {
  const finding = judgeSpace('disk', '/d', { ...space, ...more });
  expect(finding).toMatchObject({ status, detail: expect.stringContaining(detail) });
  expect(finding.fix === undefined).toBe(status === 'ok');
});

describe.skipIf(process.platform === 'win32')('the two PATHs', () => {
  const files = new Set(['/nvm/node', '/usr/bin/git', '/opt/git', '/opt/cargo']);
  const compare = (login: string, sshd: string) => comparePaths(login, sshd, file => files.has(file));

  test('alike, whatever stands twice, is relative or ends in a slash', () => {
    expect(compare('/usr/bin:.:/bin:/usr/bin/', '/bin/:/usr/bin:')).toMatchObject({ status: 'ok' });
  });

  test('a login has more: runs find it', () => {
    expect(compare('/nvm:/usr/bin', '/usr/bin')).toEqual({
      check: 'path',
      status: 'info',
      detail: 'only a login has /nvm; runs find node, but "ssh HOST node" does not',
    });
  });

  test('sshd has more: runs do not find it', () => {
    expect(compare('/usr/bin', '/opt:/usr/bin')).toEqual({
      check: 'path',
      status: 'warning',
      detail:
        'only sshd has /opt; git: another one by each; "ssh HOST cargo" works, but runs do not find cargo',
      fix: 'add /opt to PATH in a start-up file of the login shell there',
    });
  });
});

describe.skipIf(process.platform === 'win32')('directories', () => {
  const directory = mkdtempSync(join(tmpdir(), 'aw-doctor-'));

  test('one that is well, one that is not there, one that is a file', async () => {
    try {
      expect((await workspace(directory))[0]).toMatchObject({
        status: 'ok',
        detail: expect.stringMatching(/, owned by \S+, writable$/),
      });
      expect(stateDirectory(directory)[0]).toMatchObject({ check: 'state directory', status: 'ok' });
      const missing = join(directory, "it's");
      expect(await workspace(missing)).toMatchObject([
        { status: 'failed', fix: `mkdir -p '${missing.replace("'", String.raw`'\''`)}'` },
      ]);
      const file = join(directory, 'file');
      writeFileSync(file, '');
      expect(await workspace(file)).toMatchObject([
        { status: 'failed', fix: expect.stringContaining('ls -ld') },
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

test('variables that a shell does not hand on', () => {
  const env = Object.fromEntries(['PATH', 'a.b', 'c-1', 'c-2', 'c-3', 'c-4', 'c-5'].map(name => [name, 'x']));
  expect(lostNames('bash', env)).toEqual([]);
  expect(lostNames('dash', { PATH: 'x' })).toEqual([]);
  expect(lostNames('dash', env)).toMatchObject([
    { check: 'variables', status: 'warning', detail: expect.stringMatching(/get "a\.b", .* and 1 more$/) },
  ]);
});
