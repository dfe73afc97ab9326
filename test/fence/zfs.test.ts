/** The snapshots of `--snapshot zfs` on a real ZFS. What it cannot show is reading them through `.zfs`, which zfs-fuse lacks. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readMounts } from '../../leader/snapshots/mounts.ts';
import type { Site } from '../../leader/snapshots/provider.ts';
import { zfs } from '../../leader/snapshots/zfs.ts';
import { hasZfs, makePool, type Pool } from '../support/zfs.ts';

const tree = { entries: async () => [], directoryWithInode: async () => undefined };
const id = 'snap-20261122-100000-3f0c9a';

describe.skipIf(!hasZfs)('zfs', () => {
  let pool: Pool;
  let site: Site;
  let file: string;
  beforeAll(async () => {
    pool = await makePool();
    const project = join(pool.path, 'deep/project');
    mkdirSync(project, { recursive: true });
    site = { project, directory: '/nowhere', mounts: readMounts() };
    file = join(project, 'a.txt');
    writeFileSync(file, 'a\r\n');
  });
  afterAll(() => pool?.destroy());
  const snapshots = () => pool.zfs('list', '-H', '-t', 'snapshot', '-o', 'name').split('\n').filter(Boolean);

  test('one is made of the dataset that the project lies in, holds the moment, and goes', async () => {
    const place = zfs.place(site, id);
    expect(place).toBe(`${pool.name}@aw-${id}`);
    const { path } = await zfs.take(site, place, id, tree);
    expect(path).toBe(join(pool.path, '.zfs/snapshot', `aw-${id}`, 'deep/project'));
    expect(snapshots()).toEqual([place]);
    writeFileSync(file, 'later');

    const clone = pool.clone(place);
    expect(readFileSync(join(clone.path, 'deep/project/a.txt'), 'latin1')).toBe('a\r\n');
    // Somebody uses it: that is told, and it stays.
    await expect(zfs.remove(place, id)).rejects.toMatchObject({
      code: 'AW_SNAPSHOT_FAILED',
      message: expect.stringContaining('dependent clones'),
    });
    expect(snapshots()).toEqual([place]);
    await clone.drop();

    await zfs.remove(place, id);
    expect(snapshots()).toEqual([]);
    // Also one that is gone already, or whose dataset is.
    await zfs.remove(place, id);
    await zfs.remove(`${pool.name}/gone@aw-${id}`, id);
  });

  test('one of this name that is there already is told', async () => {
    const place = zfs.place(site, id);
    await zfs.take(site, place, id, tree);
    await expect(zfs.take(site, place, id, tree)).rejects.toMatchObject({
      code: 'AW_SNAPSHOT_FAILED',
      message: expect.stringContaining('exists'),
    });
    await zfs.remove(place, id);
    expect(snapshots()).toEqual([]);
  });

  test('a ZFS whose snapshots cannot be read in place is not chosen', async () => {
    expect(await zfs.obstacle(site)).toBe('the project is not on ZFS');
  });
});
