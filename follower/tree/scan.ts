/**
 * Looks at a directory and says what is in it. Synchronous, because that is five times as fast as asking for each file in
 * turn: it is run in a thread of its own (`thread.ts`).
 */
import { accessSync, constants, type Dirent, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import type { Exclusion, ExclusionCode } from '../../contract/trees.ts';
import { entriesOf } from './entries.ts';
import { hashFile } from './hash-file.ts';
import type { IgnoreRules } from './ignore.ts';
import {
  hasSettled,
  type Listed,
  listedOf,
  looksAsListed,
  remember,
  type Seen,
  TICK,
  trustedDevice,
} from './listed.ts';
import { type Ahead, type Looks, lookAhead } from './look-ahead.ts';
import { type DirectoryNode, directory, type FileNode, type TreeNode } from './node.ts';
import { TEMPORARY_PREFIX } from './protected-names.ts';
import { fileNode, looksTheSame } from './stamp.ts';

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
  /**
   * All of it was so at the moment when it began: nothing has changed since, by the change times of all that was seen. Not
   * known where these cannot be relied on.
   */
  isOfOneMoment: boolean;
}

/** What all of one scan goes by. */
interface Walk {
  options: ScanOptions;
  found: Scan;
  ahead: Ahead;
  /** Whose directories may be remembered. */
  device: number | undefined;
  /** The last change of all that was seen, infinite where times cannot be relied on. */
  newest: number;
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
    isOfOneMoment: false,
  };
  const began = Date.now();
  const steady = performance.now();
  const device = options.namesOnly ? undefined : trustedDevice(root);
  const ahead = lookAhead(root, options.previous, options.rules.digest);
  const walk: Walk = { options, found, ahead, device, newest: Number.NEGATIVE_INFINITY };
  const tree = scanDirectory(root, '', options.previous, walk);
  found.tree = tree.onlyIgnored ? { ...tree, onlyIgnored: false } : tree;
  // By a clock that was not set in between.
  const isSteady = Math.abs(Date.now() - began - (performance.now() - steady)) < TICK / 2;
  found.isOfOneMoment = isSteady && walk.newest < began - TICK - TICK / 2;
  return found;
}

function scanDirectory(
  directoryPath: string,
  at: string,
  previous: DirectoryNode | undefined,
  walk: Walk,
): DirectoryNode {
  walk.found.directories++;
  const listed = previous && listedOf(previous, walk.options.rules.digest);
  if (previous === undefined || listed === undefined) return readDirectory(directoryPath, at, previous, walk);
  const looks = at === '' ? undefined : walk.ahead.take(at);
  const seen = looks?.[0] ?? lookAt(directoryPath, at);
  return looksAsListed(listed, seen)
    ? lookThrough(directoryPath, at, previous, listed, looks, walk)
    : readDirectory(directoryPath, at, previous, walk);
}

/** Of a directory that has the names it had. */
function lookThrough(
  directoryPath: string,
  at: string,
  previous: DirectoryNode,
  listed: Listed,
  looks: Looks | undefined,
  walk: Walk,
): DirectoryNode {
  const { found } = walk;
  const filesBefore = found.files;
  const changed = new Map<string, TreeNode | undefined>();
  let looked = 1;
  notice(listed.seen, walk);
  for (const [name, node] of previous.children) {
    const now = scanEntry(
      node.kind,
      `${directoryPath}/${name}`,
      at === '' ? name : `${at}/${name}`,
      node,
      node.kind === 'file' ? looks?.[looked++] : undefined,
      walk,
    );
    if (now !== node) changed.set(name, now);
  }
  const files = found.files - filesBefore;
  if (changed.size === 0) {
    if (files !== listed.files) remember(previous, { ...listed, files });
    return previous;
  }
  const children: [string, TreeNode][] = [];
  for (const [name, node] of previous.children) {
    const now = changed.has(name) ? changed.get(name) : node;
    if (now !== undefined) children.push([name, now]);
  }
  const node = directory(children, isOnlyForIgnored(children, listed.hasIgnored));
  if (children.length === previous.children.size) remember(node, { ...listed, files });
  return node;
}

function readDirectory(
  directoryPath: string,
  at: string,
  previous: DirectoryNode | undefined,
  walk: Walk,
): DirectoryNode {
  const { options, found, device } = walk;
  const moment = Date.now();
  const problemsBefore = found.problems.length;
  const filesBefore = found.files;
  const entries = entriesOf(directoryPath, at, found.problems);
  // After the names: what changes them from now on shows in the next look at it, and what has just changed them in this one.
  const seen = device === undefined ? undefined : lookAt(directoryPath, at);
  notice(seen, walk);
  const children: [string, TreeNode][] = [];
  let hasIgnored = false;
  let isWhole = found.problems.length === problemsBefore;
  for (const entry of entries) {
    const { name } = entry;
    const path = at === '' ? name : `${at}/${name}`;
    if (name.startsWith(TEMPORARY_PREFIX)) {
      options.onTemporary?.(`${directoryPath}/${name}`);
      isWhole = false;
      continue;
    }
    if (options.rules.ignores(path, entry.isDirectory())) {
      hasIgnored = true;
      continue;
    }
    const before = previous?.children.get(name);
    const node = scanEntry(kindOf(entry), `${directoryPath}/${name}`, path, before, undefined, walk);
    if (node === undefined) isWhole = false;
    else children.push([name, node]);
  }
  const onlyIgnored = isOnlyForIgnored(children, hasIgnored);
  const isSame =
    previous !== undefined &&
    previous.onlyIgnored === onlyIgnored &&
    previous.children.size === children.length &&
    children.every(([name, node]) => previous.children.get(name) === node);
  const node = isSame ? previous : directory(children, onlyIgnored);
  if (isWhole && seen !== undefined && seen.dev === device && hasSettled(seen, moment)) {
    const { dev, ino, mode, size, mtimeMs, ctimeMs } = seen;
    const look = { dev, ino, mode, size, mtimeMs, ctimeMs };
    remember(node, { seen: look, rules: options.rules.digest, hasIgnored, files: found.files - filesBefore });
  }
  return node;
}

/** The root may be known by a link. */
function lookAt(directoryPath: string, at: string): Stats {
  return at === '' ? statSync(directoryPath) : lstatSync(directoryPath);
}

function isOnlyForIgnored(children: readonly [string, TreeNode][], hasIgnored: boolean): boolean {
  return children.length === 0
    ? hasIgnored
    : children.every(([, node]) => node.kind === 'directory' && node.onlyIgnored);
}

/** What is seen counts for how old all of it is. */
function notice(seen: Seen | undefined, walk: Walk): void {
  const isDatable = seen !== undefined && seen.dev === walk.device;
  walk.newest = Math.max(walk.newest, isDatable ? seen.ctimeMs : Number.POSITIVE_INFINITY);
}

function kindOf(entry: Dirent): TreeNode['kind'] | undefined {
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  return entry.isFile() ? 'file' : undefined;
}

/** Undefined when it cannot be told what it is, which is a problem of its own, or when it has just gone. */
function scanEntry(
  kind: TreeNode['kind'] | undefined,
  absolute: string,
  path: string,
  previous: TreeNode | undefined,
  seen: Seen | undefined,
  walk: Walk,
): TreeNode | undefined {
  const { found } = walk;
  const refuse = (code: ExclusionCode, detail: string) => {
    found.problems.push({ path, code, detail });
    return undefined;
  };
  try {
    if (kind === 'directory') {
      const before = previous?.kind === 'directory' ? previous : undefined;
      return scanDirectory(absolute, path, before, walk);
    }
    if (kind === 'symlink') {
      const target = readlinkSync(absolute);
      if (target.includes('\ufffd')) return refuse('name-not-utf8', 'the target of the link is not UTF-8');
      const isSame = previous?.kind === 'symlink' && previous.target === target;
      return isSame ? previous : { kind: 'symlink', target };
    }
    if (kind !== 'file') return refuse('special-file', 'neither a file nor a directory nor a link');
    found.files++;
    return scanFile(absolute, previous?.kind === 'file' ? previous : undefined, seen, walk);
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
  ahead: Seen | undefined,
  walk: Walk,
): FileNode {
  const { found } = walk;
  const { executable, namesOnly } = walk.options;
  const own = ahead === undefined ? lstatSync(absolute) : undefined;
  const seen = own ?? ahead!;
  notice(seen, walk);
  const isExecutable = executable && (seen.mode & 0o100) !== 0;
  if (namesOnly) {
    accessSync(absolute, constants.R_OK);
    return { kind: 'file', size: seen.size, sha256: '', executable: isExecutable };
  }
  if (previous !== undefined && looksTheSame(previous, seen)) {
    return previous.executable === isExecutable ? previous : { ...previous, executable: isExecutable };
  }
  const hashed = Date.now();
  const { sha256, stats } = hashFile(absolute, own);
  notice(stats, walk);
  found.hashed++;
  found.hashedBytes += stats.size;
  return fileNode(sha256, stats, hashed, isExecutable);
}
