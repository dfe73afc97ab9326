/** What is left on a disk: bytes, and on file systems that count them, files. */
import { statfsSync } from 'node:fs';
import type { Finding } from '../../../contract/follower-api.ts';
import { quotePosix } from '../../adapters/index.ts';
import { OS } from '../machine.ts';

const GIB = 1024 ** 3;
/** Below either, a build may not fit. */
const LOW_SPACE = GIB;
const LOW_SHARE = 0.05;
/** Below this not even a log does. */
const NO_SPACE = 16 * 1024 ** 2;
const NO_FILES = 64;

/** By the magic number of statfs(2): those that are worth a thought when something is slow or odd. */
const LINUX_TYPES: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  801189825: 'zfs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  26985: 'nfs',
  20859: 'smb',
  4283649346: 'cifs',
  4266872130: 'smb2',
  1702057286: 'fuse',
  16914839: '9p',
};

/** What `statfs` says; `files` is 0 where nobody counts them. */
export interface Space {
  type: number;
  bsize: number;
  blocks: number;
  bavail: number;
  files: number;
  ffree: number;
}

export function disk(check: string, path: string): Finding {
  try {
    return judgeSpace(check, path, statfsSync(path));
  } catch (error) {
    return { check, status: 'warning', detail: (error as Error).message };
  }
}

/** `path` is on the disk that has this `space`. */
export function judgeSpace(check: string, path: string, space: Space): Finding {
  const free = space.bavail * space.bsize;
  const share = space.blocks === 0 ? 1 : space.bavail / space.blocks;
  const filesShare = space.files === 0 ? 1 : space.ffree / space.files;
  const type = OS === 'linux' ? LINUX_TYPES[space.type] : undefined;
  const detail = [
    `${amount(free)} free (${percent(share)})`,
    ...(space.files === 0 ? [] : [`${percent(filesShare)} of inodes free`]),
    ...(type === undefined ? [] : [type]),
    path,
  ].join(', ');
  const isFull = free < NO_SPACE || (space.files > 0 && space.ffree < NO_FILES);
  const isLow = free < LOW_SPACE || share < LOW_SHARE || filesShare < LOW_SHARE;
  if (!isFull && !isLow) return { check, status: 'ok', detail };
  return { check, status: isFull ? 'failed' : 'warning', detail, fix: fixFor(path, filesShare < LOW_SHARE) };
}

function fixFor(path: string, isOfFiles: boolean): string {
  if (OS === 'windows') return 'free some space on that drive: cleanmgr';
  const what = isOfFiles && OS === 'linux' ? 'du --inodes' : 'du';
  return `free some: ${what} -xd1 ${quotePosix(path)} | sort -n shows where it went`;
}

function amount(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.floor(bytes / 1024 ** 2)} MiB`;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
