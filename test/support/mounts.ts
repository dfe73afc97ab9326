/** Real file systems in images of their own: some take `Foo` and `foo` for one name, some make snapshots. Only root can mount them. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from './require.ts';

export interface Mount {
  /** Its root. */
  path: string;
  unmount(): void;
}

interface Kind {
  /** Programs and devices. */
  needs: readonly string[];
  /** Bytes. */
  size?: number;
  mount(image: string, at: string): void;
}

const IMAGE_SIZE = 64 * 1024 * 1024;

const KINDS = {
  /** Keeps names as they were given, as the disks of macOS and Windows do. */
  'exfat-fuse': {
    needs: ['/dev/fuse', '/usr/sbin/mkfs.exfat', '/usr/sbin/mount.exfat-fuse', '/usr/sbin/losetup'],
    mount: (image, at) => {
      run('/usr/sbin/mkfs.exfat', image);
      const device = run('/usr/sbin/losetup', '--find', '--show', image).trim();
      try {
        run('/usr/sbin/mount.exfat-fuse', device, at);
      } finally {
        // Goes when nobody uses it any more.
        run('/usr/sbin/losetup', '--detach', device);
      }
    },
  },
  /** Shows every name in lower case, whatever it was given: nothing else is as hostile. */
  'ntfs-3g': {
    needs: ['/dev/fuse', '/usr/sbin/mkntfs', '/usr/bin/lowntfs-3g'],
    mount: (image, at) => {
      run('/usr/sbin/mkntfs', '--force', '--quick', '--quiet', image);
      run('/usr/bin/lowntfs-3g', '-o', 'ignore_case,windows_names', image, at);
    },
  },
  btrfs: {
    needs: ['/dev/loop-control', '/usr/sbin/mkfs.btrfs'],
    size: 512 * 1024 * 1024,
    mount: (image, at) => {
      run('/usr/sbin/mkfs.btrfs', '--quiet', image);
      run('mount', '-o', 'loop', image, at);
    },
  },
  /** Files of it can share blocks. */
  xfs: {
    needs: ['/dev/loop-control', '/usr/sbin/mkfs.xfs'],
    size: 512 * 1024 * 1024,
    mount: (image, at) => {
      run('/usr/sbin/mkfs.xfs', '-q', '-m', 'reflink=1', image);
      run('mount', '-o', 'loop', image, at);
    },
  },
} satisfies Record<string, Kind>;
export type MountKind = keyof typeof KINDS;

/** Asks the system by doing it: a container may have all that is needed, and still not be allowed. */
export function canMount(kind: MountKind): boolean {
  const isThere = process.getuid?.() === 0 && KINDS[kind].needs.every(path => existsSync(path));
  return requires(kind, isThere && works(kind));
}

export function mountImage(kind: MountKind): Mount {
  const { size = IMAGE_SIZE, mount }: Kind = KINDS[kind];
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-mount-')));
  const image = join(dir, 'image');
  const path = join(dir, 'root');
  writeFileSync(image, '');
  truncateSync(image, size);
  mkdirSync(path);
  try {
    mount(image, path);
  } catch (error) {
    rmSync(dir, { recursive: true });
    throw error;
  }
  return {
    path,
    unmount: () => {
      // What was killed a moment ago may still have something open there.
      run('umount', '--lazy', path);
      rmSync(dir, { recursive: true });
    },
  };
}

function works(kind: MountKind): boolean {
  try {
    mountImage(kind).unmount();
    return true;
  } catch {
    return false;
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
