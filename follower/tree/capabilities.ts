/** What a directory can hold, found by trying: names of file systems say little, and one directory may differ from the next. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { Capabilities } from '../../contract/trees.ts';
import { TEMPORARY_PREFIX } from './protected-names.ts';

/** What file systems say of names that they cannot have. */
const IMPOSSIBLE = new Set(['EINVAL', 'ENOENT', 'EPERM', 'ENAMETOOLONG', 'EILSEQ']);

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
 * Of each group of names, the pairs that are one name there.
 * @throws AW_TREE_PATH for what is more than a name; the system's error
 */
export function sameNames(root: string, groups: readonly (readonly string[])[]): [string, string][] {
  const place = mkdtempSync(join(root, TEMPORARY_PREFIX));
  try {
    return groups.flatMap((names, index) => {
      for (const name of names) checkName(name);
      const own = join(place, String(index));
      mkdirSync(own);
      const files = names.map((name, number) => ({ name, first: firstOf(`${own}/${name}`, number) }));
      rmSync(own, { recursive: true });
      return files.flatMap(({ name, first }, at) =>
        files
          .slice(at + 1)
          .filter(other => first !== undefined && other.first === first)
          .map((other): [string, string] => [name, other.name]),
      );
    });
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name) || isWindowsPath(name)) {
    throw new AwError('AW_TREE_PATH', { path: show(name), reason: 'it is not a name' });
  }
}

function isWindowsPath(name: string): boolean {
  return process.platform === 'win32' && /[\\:]/.test(name);
}

/**
 * The number of the first name that led to this file, which is what is in it: not every file system has one inode for one
 * file. Undefined when it cannot have the name.
 */
function firstOf(file: string, number: number): number | undefined {
  try {
    writeFileSync(file, String(number), { flag: 'wx', mode: 0o600 });
    return number;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return Number(readFileSync(file, 'utf8'));
    if (!IMPOSSIBLE.has(code)) throw error;
    return undefined;
  }
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
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!IMPOSSIBLE.has(code)) throw error;
    return false;
  } finally {
    rmSync(file, { force: true });
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
