/**
 * C1: one tree on three kinds of followers: one as the leader, one like a Mac, one like Windows. exFAT stands in for the disks
 * of both: it keeps names but not their case apart, refuses what Windows refuses, has no links and no marks for programs.
 */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fence, fencedRun, fill, read } from '../support/fence.ts';
import { exitOf, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';
import { canMount, type Mount, mountImage } from '../support/mounts.ts';
import { requires, which } from '../support/require.ts';

const isPossible = canMount('exfat-fuse') && requires('zsh', which('zsh') !== undefined);
const others = ['mac', 'win'];

describe.skipIf(!isPossible)('exfat-fuse, zsh', () => {
  let fleet: Fleet;
  const mounts: Mount[] = [];
  const roots: Record<string, string> = {};
  beforeAll(() => {
    for (const name of others) {
      const mount = mountImage('exfat-fuse');
      mounts.push(mount);
      roots[name] = join(mount.path, 'Work');
      mkdirSync(roots[name]);
    }
    fleet = makeFleet([
      { name: 'lin' },
      { name: 'mac', os: 'macos', shell: 'zsh', workspace: roots.mac },
      { name: 'win', tags: ['like=windows'], workspace: roots.win },
    ]);
    roots.lin = fleet.workspace('lin');
    fill(fleet.project, {
      'README.md': 'read me',
      'src/Main.ts': 'main',
      'src/lib/deep/er/one.ts': 'one',
      'src/sh/run.sh': '#!/bin/sh\necho run\n',
      'docs/Guide': 'upper',
      'docs/guide': 'lower',
      'docs/a:b': 'stream',
      'docs/aux.txt': 'device',
      'docs/end.': 'dot',
    });
    chmodSync(join(fleet.project, 'src/sh/run.sh'), 0o755);
    symlinkSync('README.md', join(fleet.project, 'link'));
  });
  afterAll(async () => {
    await fleet.stop().finally(() => {
      for (const mount of mounts) mount.unmount();
    });
  });

  const unportable = [
    ['docs/a:b', 'illegal-character'],
    ['docs/aux.txt', 'reserved-name'],
    ['docs/end.', 'trailing-dot-or-space'],
    ['docs/guide', 'name-collision'],
    ['link', 'symlink-unsupported'],
  ];

  test('C1: by default a follower that cannot have all of it is an error, and nothing runs anywhere', async () => {
    const { code, hosts } = await fence(fleet);
    expect(code).toBe(3);
    expect(hosts.lin).toMatchObject({ state: 'consistent', excluded: [] });
    for (const name of others) {
      expect(hosts[name]).toMatchObject({ state: 'error', error: { code: 'AW_FENCE_EXCLUDED' } });
      expect(hosts[name]!.excluded.map(({ path, code: why }) => [path, why])).toEqual(unportable);
    }
    const { hosts: again } = await fence(fleet);
    for (const name of others) expect(again[name]!.error).toEqual(hosts[name]!.error);

    const run = await fencedRun(fleet, ['--', 'touch', 'it-ran']);
    expect(run.code).toBe(3);
    expect(exitOf(run.events, 'lin').error?.code).toBe('AW_FENCE_ELSEWHERE');
    const excluded = { code: 'AW_FENCE_EXCLUDED', excludedPaths: unportable.map(([path]) => ({ path })) };
    expect(run.events.find(({ type }) => type === 'fenceResult')).toMatchObject({
      hosts: { mac: excluded, win: excluded },
    });
    for (const root of Object.values(roots)) expect(read(root)).not.toHaveProperty('it-ran');
  });

  test('C1: with what they cannot have left out, all are consistent, and the second fence finds the same', async () => {
    const [first, second] = [
      await fence(fleet, '--portability', 'exclude'),
      await fence(fleet, '--portability', 'exclude'),
    ];
    expect(first.code).toBe(0);
    for (const name of others) {
      expect(first.hosts[name]!.excluded.map(({ path, code }) => [path, code])).toEqual(unportable);
    }
    for (const [name, { digest, excluded }] of Object.entries(first.hosts)) {
      expect(second.hosts[name]).toMatchObject({
        state: 'consistent',
        changes: 0,
        sent: 0,
        digest,
        excluded,
      });
    }
    expect(first.hosts.mac!.digest).toBe(first.hosts.win!.digest);
  });

  test('C1: each has every byte of what it can have', () => {
    const original = read(fleet.project);
    expect(read(roots.lin!)).toEqual(original);
    const portable = Object.entries(original).filter(([path]) => !unportable.some(([each]) => each === path));
    for (const name of others) expect(read(roots[name]!)).toEqual(Object.fromEntries(portable));
  });

  test('C1: a run on all three says where paths were left out, and reads the same everywhere', async () => {
    const { code, events } = await fencedRun(fleet, ['--portability', 'exclude', '--', 'cat', 'docs/Guide']);
    expect(code).toBe(0);
    for (const name of Object.keys(roots)) expect(outputOf(events, name).toString()).toBe('upper');
    const result = events.find(({ type }) => type === 'fenceResult');
    expect(result).toMatchObject({
      hosts: {
        mac: { state: 'consistent', excludedPaths: unportable.map(([path]) => ({ path })) },
        win: { state: 'consistent', excludedPaths: unportable.map(([path]) => ({ path })) },
      },
    });
    const zsh = await fencedRun(fleet, [
      '--host',
      'mac',
      '--portability',
      'exclude',
      '-c',
      'echo $ZSH_VERSION',
    ]);
    expect(outputOf(zsh.events, 'mac').toString()).toMatch(/^\d/);
  });
});
