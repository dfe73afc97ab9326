/** The command lines and the paths; test/fence/zfs.test.ts tries them on a ZFS. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Site } from './provider.ts';
import { zfsWith } from './zfs.ts';

const site: Site = {
  project: '/tank/work/a/project',
  directory: '/state/snapshots',
  mounts: [
    { path: '/', device: '254:0', type: 'ext4', source: '/dev/vda' },
    { path: '/tank/work', device: '0:35', type: 'zfs', source: 'tank/work' },
  ],
};
const id = 'snap-20261122-100000-3f0c9a';
const tree = { entries: async () => [], directoryWithInode: async () => undefined };

test('a snapshot of the dataset the project lies in, read through .zfs', async () => {
  const calls: string[][] = [];
  const zfs = zfsWith(async (...call) => void calls.push(call));
  const place = zfs.place(site, id);
  expect(await zfs.take(site, place, id, tree)).toEqual({
    path: `/tank/work/.zfs/snapshot/aw-${id}/a/project`,
  });
  await zfs.remove(place, id);
  expect(calls).toEqual([
    ['zfs', 'snapshot', `tank/work@aw-${id}`],
    ['zfs', 'destroy', `tank/work@aw-${id}`],
  ]);
});

test('one that is gone is removed; one that is held is not', async () => {
  const saying = (text: string) =>
    zfsWith(async () => {
      throw new Error(text);
    });
  const gone = 'could not find any snapshots to destroy; check snapshot names.';
  await expect(saying(gone).remove('tank/work@aw-x', 'x')).resolves.toBeUndefined();
  await expect(saying('dataset is busy').remove('tank/work@aw-x', 'x')).rejects.toThrow('busy');
});

test('what stands against it', async () => {
  const zfs = zfsWith(async () => {});
  expect(await zfs.obstacle({ ...site, project: '/srv' })).toBe('the project is not on ZFS');
  const nested = { path: '/tank/work/a/project/x', device: '0:36', type: 'zfs', source: 'tank/work/x' };
  expect(await zfs.obstacle({ ...site, mounts: [...site.mounts, nested] })).toContain(
    '/tank/work/a/project/x',
  );
  expect(await zfs.obstacle(site)).toBe('"/tank/work/.zfs/snapshot" cannot be read');

  const root = mkdtempSync(join(tmpdir(), 'aw-zfs-'));
  try {
    mkdirSync(join(root, '.zfs/snapshot'), { recursive: true });
    const mounts = [{ path: root, device: '0:35', type: 'zfs', source: 'tank' }];
    const obstacle = await zfs.obstacle({ ...site, project: root, mounts });
    // What is left is whether the program is there.
    expect(obstacle ?? 'there is no program zfs').toBe('there is no program zfs');
  } finally {
    rmSync(root, { recursive: true });
  }
});
