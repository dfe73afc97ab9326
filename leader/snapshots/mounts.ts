/** What is mounted where, as Linux tells it; elsewhere nothing is known. */
import { readFileSync } from 'node:fs';

export interface Mount {
  /** Absolute. */
  path: string;
  /** Equal for all mounts of one file system, also of its parts. */
  device: string;
  type: string;
  /** What is mounted: a device, the name of a ZFS dataset. */
  source: string;
}

/** In the order of mounting; empty where there is no `/proc`. */
export function readMounts(): Mount[] {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  } catch {
    return [];
  }
}

/** @param text as in `/proc/PID/mountinfo` */
export function parseMounts(text: string): Mount[] {
  return text
    .split('\n')
    .filter(line => line.includes(' - '))
    .map(line => {
      const [before, after] = line.split(' - ', 2) as [string, string];
      const [, , device = '', , path = ''] = before.split(' ');
      const [type = '', source = ''] = after.split(' ');
      return { path: decoded(path), device, type, source: decoded(source) };
    });
}

/** The mount that an absolute path without links lies in. Of several at one place the last hides the others. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(mount => isWithin(path, mount.path))
    .reduce<Mount | undefined>(
      (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
      undefined,
    );
}

/** Whatever is mounted in the directory, besides what it lies in itself. */
export function mountsBelow(path: string, mounts: readonly Mount[]): Mount[] {
  return mounts.filter(mount => mount.path !== path && isWithin(mount.path, path));
}

export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

/** Spaces, tabs, line breaks and backslashes stand as three octal digits. */
function decoded(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
