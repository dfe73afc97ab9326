/**
 * Looks at a directory and says what is in it. Synchronous, because that is five times as fast as asking for each file in
 * turn: it is run in a thread of its own (`thread.ts`).
 */
import {
  accessSync,
  constants,
  type Dirent,
  lstatSync,
  readdirSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import type { Exclusion, ExclusionCode } from '../../contract/trees.ts';
import { hashFile } from './hash-file.ts';
import type { IgnoreRules } from './ignore.ts';
import { type DirectoryNode, directory, type FileNode, type TreeNode } from './node.ts';
import { TEMPORARY_PREFIX } from './protected-names.ts';

export interface ScanOptions {
  rules: IgnoreRules;
  /** What an earlier scan of this directory found. Files that look as they did then are not read again. */
  previous?: DirectoryNode | undefined;
  /** Whether the file system can mark files executable; where it cannot, none is. */
  executable: boolean;
  /** Met something that a fence has left, which is no part of any tree. Its absolute path. */
  onTemporary?(path: string): void;
  /** Of contents only whether they can be read: the digests of such a tree say nothing, its names all. */
  namesOnly?: boolean;
}

export interface Scan {
  tree: DirectoryNode;
  /** What is there but cannot be told, in the order it was met. */
  problems: Exclusion[];
  files: number;
  directories: number;
  /** Files that were read, and their bytes. */
  hashed: number;
  hashedBytes: number;
}

/** @throws the system's error when `root` itself cannot be read */
export function scan(root: string, options: ScanOptions): Scan {
  const found: Scan = {
    tree: undefined as never,
    problems: [],
    files: 0,
    directories: 0,
    hashed: 0,
    hashedBytes: 0,
  };
  found.tree = { ...scanDirectory(root, '', options.previous, options, found), onlyIgnored: false };
  return found;
}

function scanDirectory(
  directoryPath: string,
  at: string,
  previous: DirectoryNode | undefined,
  options: ScanOptions,
  found: Scan,
): DirectoryNode {
  found.directories++;
  const children: [string, TreeNode][] = [];
  let ignored = 0;
  for (const entry of list(directoryPath, at, found)) {
    const { name } = entry;
    const path = at === '' ? name : `${at}/${name}`;
    if (name.startsWith(TEMPORARY_PREFIX)) {
      options.onTemporary?.(`${directoryPath}/${name}`);
      continue;
    }
    if (options.rules.ignores(path, entry.isDirectory())) {
      ignored++;
      continue;
    }
    const node = scanEntry(
      entry,
      `${directoryPath}/${name}`,
      path,
      previous?.children.get(name),
      options,
      found,
    );
    if (node !== undefined) children.push([name, node]);
  }
  const onlyIgnored =
    children.length === 0
      ? ignored > 0
      : children.every(([, node]) => node.kind === 'directory' && node.onlyIgnored);
  const isSame =
    previous !== undefined &&
    previous.onlyIgnored === onlyIgnored &&
    previous.children.size === children.length &&
    children.every(([name, node]) => previous.children.get(name) === node);
  return isSame ? previous : directory(children, onlyIgnored);
}

/** Undefined when it cannot be told what it is, which is a problem of its own, or when it has just gone. */
function scanEntry(
  entry: Dirent,
  absolute: string,
  path: string,
  previous: TreeNode | undefined,
  options: ScanOptions,
  found: Scan,
): TreeNode | undefined {
  const refuse = (code: ExclusionCode, detail: string) => {
    found.problems.push({ path, code, detail });
    return undefined;
  };
  try {
    if (entry.isDirectory()) {
      const before = previous?.kind === 'directory' ? previous : undefined;
      return scanDirectory(absolute, path, before, options, found);
    }
    if (entry.isSymbolicLink()) {
      const target = readlinkSync(absolute);
      if (target.includes('\ufffd')) return refuse('name-not-utf8', 'the target of the link is not UTF-8');
      const isSame = previous?.kind === 'symlink' && previous.target === target;
      return isSame ? previous : { kind: 'symlink', target };
    }
    if (!entry.isFile()) return refuse('special-file', 'neither a file nor a directory nor a link');
    found.files++;
    return scanFile(absolute, previous?.kind === 'file' ? previous : undefined, options, found);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? undefined
      : refuse('unreadable', code === 'EBUSY' ? message : (code ?? message));
  }
}

function scanFile(
  absolute: string,
  previous: FileNode | undefined,
  { executable, namesOnly }: ScanOptions,
  found: Scan,
): FileNode {
  const seen = lstatSync(absolute);
  const isExecutable = executable && (seen.mode & 0o100) !== 0;
  if (namesOnly) {
    accessSync(absolute, constants.R_OK);
    return { kind: 'file', size: seen.size, sha256: '', executable: isExecutable };
  }
  if (previous !== undefined && looksTheSame(previous, seen)) {
    return previous.executable === isExecutable ? previous : { ...previous, executable: isExecutable };
  }
  const hashed = Date.now();
  const { sha256, stats } = hashFile(absolute);
  found.hashed++;
  found.hashedBytes += stats.size;
  return fileNode(sha256, stats, hashed, isExecutable);
}

/** @param hashed the time right before its content was read or written */
export function fileNode(sha256: string, stats: Stats, hashed: number, executable: boolean): FileNode {
  const stamp = { inode: stats.ino, modified: stats.mtimeMs, changed: stats.ctimeMs, hashed };
  return { kind: 'file', size: stats.size, sha256, executable, stamp };
}

/**
 * Whether what was hashed is what is there now. A file that was written just before it was hashed may have been written
 * again in the same tick of the file system's clock, with no sign of it (git's "racy" entries): it is read again.
 */
function looksTheSame({ size, stamp }: FileNode, seen: Stats): boolean {
  return (
    stamp !== undefined &&
    size === seen.size &&
    stamp.inode === seen.ino &&
    stamp.modified === seen.mtimeMs &&
    stamp.changed === seen.ctimeMs &&
    Math.max(stamp.modified, stamp.changed) < stamp.hashed - resolutionOf(stamp.modified, stamp.changed)
  );
}

/** Milliseconds. Times without a fraction may come from a file system that has none; FAT counts in steps of two seconds. */
function resolutionOf(modified: number, changed: number): number {
  return modified % 1000 === 0 && changed % 1000 === 0 ? 2_000 : 20;
}

/** Names that are not UTF-8 read as other names than they are: they are told by their bytes, and left out. */
function list(directoryPath: string, at: string, found: Scan): Dirent[] {
  const entries = readdirSync(directoryPath, { withFileTypes: true });
  if (!entries.some(({ name }) => name.includes('\ufffd'))) return entries;
  const valid = new Set<string>();
  for (const bytes of readdirSync(directoryPath, { encoding: 'buffer' })) {
    const name = bytes.toString();
    if (Buffer.from(name).equals(bytes)) valid.add(name);
    else {
      const detail = `its bytes are ${bytes.toString('hex')}`;
      found.problems.push({ path: at === '' ? name : `${at}/${name}`, code: 'name-not-utf8', detail });
    }
  }
  return entries.filter(({ name }) => valid.has(name));
}
