import { expect, test } from 'vitest';
import { isWithin, mountOf, mountsBelow, parseMounts } from './mounts.ts';

const text = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /tank/my\\040p rw,noatime - zfs tank/my\\040p rw,xattr
41 22 0:41 /@home /home rw shared:2 master:1 propagate_from:9 - btrfs /dev/vdb rw,subvol=/@home
42 41 0:41 /@x /home/u/p/x rw - btrfs /dev/vdb rw
43 22 0:50 / /home/u/p rw - tmpfs none rw
44 43 0:51 / /home/u/p rw - xfs /dev/vdc rw
`;
const mounts = parseMounts(text);

test('every mount, with escapes undone and any number of optional fields', () => {
  expect(mounts).toHaveLength(6);
  expect(mounts[1]).toEqual({ path: '/tank/my p', device: '0:35', type: 'zfs', source: 'tank/my p' });
  expect(mounts[2]).toEqual({ path: '/home', device: '0:41', type: 'btrfs', source: '/dev/vdb' });
});

test.each([
  ['/', 'ext4'],
  ['/homer', 'ext4'],
  ['/home', 'btrfs'],
  ['/home/u', 'btrfs'],
  ['/home/u/p', 'xfs'],
  ['/home/u/p/y', 'xfs'],
  ['/home/u/p/x/y', 'btrfs'],
])('%s lies in %s, the last that was mounted there', (path, type) => {
  expect(mountOf(path, mounts)?.type).toBe(type);
});

test('what is mounted within a directory, but not at it', () => {
  expect(mountsBelow('/home/u/p', mounts).map(({ path }) => path)).toEqual(['/home/u/p/x']);
  expect(mountsBelow('/tank', mounts).map(({ path }) => path)).toEqual(['/tank/my p']);
});

test('a name that only begins alike is not within', () => {
  expect(isWithin('/a/bc', '/a/b')).toBe(false);
  expect(isWithin('/a/b', '/a/b')).toBe(true);
  expect(isWithin('/a', '/')).toBe(true);
});
