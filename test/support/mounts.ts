/** Real file systems that take `Foo` and `foo` for one name, in images of their own. Only root can mount them. */
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
  /** Nobody may have anything open in it. */
  unmount(): void;
}

interface Kind {
  programs: readonly string[];
  mount(image: string, at: string): void;
}

const IMAGE_SIZE = 64 * 1024 * 1024;

const KINDS = {
  /** Keeps names as they were given, as the disks of macOS and Windows do. */
  'exfat-fuse': {
    programs: ['/usr/sbin/mkfs.exfat', '/usr/sbin/mount.exfat-fuse', '/usr/sbin/losetup'],
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
    programs: ['/usr/sbin/mkntfs', '/usr/bin/lowntfs-3g'],
    mount: (image, at) => {
      run('/usr/sbin/mkntfs', '--force', '--quick', '--quiet', image);
      run('/usr/bin/lowntfs-3g', '-o', 'ignore_case,windows_names', image, at);
    },
  },
} satisfies Record<string, Kind>;
export type MountKind = keyof typeof KINDS;

/** Asks the system by doing it: a container may have all that is needed, and still not be allowed. */
export function canMount(kind: MountKind): boolean {
  const isThere = process.getuid?.() === 0 && KINDS[kind].programs.every(program => existsSync(program));
  return requires(kind, isThere && existsSync('/dev/fuse') && works(kind));
}

export function mountImage(kind: MountKind): Mount {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-mount-')));
  const image = join(dir, 'image');
  const path = join(dir, 'root');
  writeFileSync(image, '');
  truncateSync(image, IMAGE_SIZE);
  mkdirSync(path);
  try {
    KINDS[kind].mount(image, path);
  } catch (error) {
    rmSync(dir, { recursive: true });
    throw error;
  }
  return {
    path,
    unmount: () => {
      run('umount', path);
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
