/** What a directory can hold, found by trying: names of file systems say little, and one directory may differ from the next. */
import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Capabilities } from '../../contract/trees.ts';
import { TEMPORARY_PREFIX } from './protected-names.ts';

/** @throws the system's error when nothing can be written there */
export function probeCapabilities(root: string): Capabilities {
  const stem = `${TEMPORARY_PREFIX}${randomBytes(6).toString('hex')}-Probe`;
  const isWindows = process.platform === 'win32';
  return {
    caseSensitive: !areSameName(root, stem, stem.replace('Probe', 'pROBE')),
    normalizationSensitive: !areSameName(root, `${stem}-\u00e9`, `${stem}-e\u0301`),
    executable: !isWindows && canMarkExecutable(join(root, stem)),
    symlinks: canLink(join(root, `${stem}-link`)),
    windowsNames: isWindows || !canCreate(join(root, `${stem}:*`)),
    nameUnit: isWindows || process.platform === 'darwin' ? 'utf16' : 'byte',
  };
}

/**
 * Whether two names of the directory are one. Both are made up into names that nobody else has.
 * @throws the system's error when the first cannot be made
 */
export function areOneName(root: string, one: string, other: string): boolean {
  const prefix = `${TEMPORARY_PREFIX}${randomBytes(6).toString('hex')}-`;
  return areSameName(root, prefix + one, prefix + other);
}

function areSameName(root: string, one: string, other: string): boolean {
  const file = join(root, one);
  writeFileSync(file, '', { flag: 'wx' });
  try {
    return exists(join(root, other));
  } finally {
    rmSync(file, { force: true });
  }
}

function canMarkExecutable(file: string): boolean {
  writeFileSync(file, '', { flag: 'wx', mode: 0o600 });
  try {
    const before = lstatSync(file).mode & 0o100;
    chmodSync(file, 0o700);
    return before === 0 && (lstatSync(file).mode & 0o100) !== 0;
  } catch {
    return false;
  } finally {
    rmSync(file, { force: true });
  }
}

function canLink(path: string): boolean {
  try {
    symlinkSync('nowhere', path);
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  } finally {
    rmSync(path, { force: true });
  }
}

function canCreate(file: string): boolean {
  try {
    writeFileSync(file, '', { flag: 'wx' });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EINVAL' && code !== 'ENOENT' && code !== 'EPERM') throw error;
    return false;
  } finally {
    rmSync(file, { force: true });
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
