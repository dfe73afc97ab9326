/** Where a tree is on disk, and what is known of that place from one fence to the next. */
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';

export interface Place {
  /** Absolute, and no link. */
  path: string;
  /** Tells this directory from another one that stands at its path later. */
  identity: Identity;
  /** Of this tree alone: what is remembered of it. */
  stateDir: string;
}

export interface Identity {
  device: string;
  inode: string;
  /** When it was made, in nanoseconds: numbers of inodes are used again at once. */
  born?: string;
  /** Instead, of one that is as it was made, or where nobody knows when that was: when it was changed last. */
  changed?: string;
}

/** What a fence leaves of a root that it has changed. */
interface Mark extends Identity {
  path: string;
  bootId: string;
  /** Whose tree it was made equal to. Absent in older ones. */
  leader?: string;
}

/**
 * The directory that `wanted` leads to.
 * @param mayMake makes it where it is missing, unless a fence has filled it before: then it is gone, and with it, maybe, all
 * of a disk
 * @throws AW_TREE_ROOT
 */
export function openPlace(wanted: string, agentState: string, mayMake: boolean): Place {
  const refuse = (reason: string, cause?: unknown) =>
    new AwError('AW_TREE_ROOT', { path: show(wanted), reason }, { cause });
  if (!isAbsolute(wanted)) throw refuse('it is not an absolute path');
  try {
    const path = realPath(wanted);
    const stateDir = join(agentState, 'trees', createHash('sha256').update(path).digest('hex').slice(0, 16));
    if (dirname(path) === path) throw refuse('it is all of a file system');
    const state = realpathSync.native(agentState);
    if (areNested(path, state)) throw refuse(`the state of the agent, ${state}, and it lie in one another`);
    if (!existsSync(path)) {
      if (!mayMake) throw refuse('ENOENT');
      const mark = readMark(stateDir);
      if (mark !== undefined)
        throw refuse(`it is gone, though ${showLeader(mark.leader) ?? 'a fence'} has filled it before`);
      mkdirSync(path);
    }
    const stats = lstatSync(path, { bigint: true });
    if (!stats.isDirectory()) throw refuse('it is not a directory');
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    return { path, identity: identityOf(stats), stateDir };
  } catch (error) {
    if (error instanceof AwError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw refuse(code ?? message, error);
  }
}

/** Whether it is still the directory that was opened. @throws AW_TREE_ROOT */
export function checkPlace({ path, identity }: Place): void {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  const now = stats?.isDirectory() ? identityOf(stats) : undefined;
  if (now !== undefined && isSame(identity, now)) return;
  const reason = stats === undefined ? 'it is gone' : 'something else has taken its place';
  throw new AwError('AW_TREE_ROOT', { path: show(path), reason });
}

/** From now on all that is in it may be changed. @throws the system's error */
export function markFilled({ path, stateDir }: Place, bootId: string, leader: string): void {
  const identity = identityOf(lstatSync(path, { bigint: true }));
  const file = join(stateDir, 'root.json');
  const mark: Mark = { path, ...identity, bootId, leader };
  writeFileSync(`${file}.draft`, JSON.stringify(mark), { mode: 0o600 });
  renameSync(`${file}.draft`, file);
}

/** Whose fence has last filled a directory at this path, be it this one or another that stood here before. */
export function filledBy({ stateDir }: Place): string | undefined {
  return readMark(stateDir)?.leader;
}

/** Whether a fence has filled this very directory. Numbers of devices are given anew when a machine starts. */
export function isFilled({ path, identity, stateDir }: Place, bootId: string): boolean {
  const mark = readMark(stateDir);
  if (mark?.path !== path) return false;
  return isSame(mark.bootId === bootId ? mark : { ...mark, device: identity.device }, identity);
}

/** Whether a directory is the one that was there earlier. */
export function isSame(earlier: Identity, now: Identity): boolean {
  if (earlier.inode !== now.inode || earlier.device !== now.device) return false;
  // One that was changed since it was made is never again as it was made.
  if (now.born === undefined) return earlier.born === undefined;
  const born = earlier.born ?? earlier.changed;
  return born === undefined || born === now.born;
}

/** Of two that are as they were made it is not known, unless they were made at one time. */
export function isSurelySame(earlier: Identity, now: Identity): boolean {
  return isSame(earlier, now) && (now.changed === undefined || now.changed === earlier.changed);
}

/** Whether one is the other, or lies in it. */
export function areNested(one: string, other: string): boolean {
  const [a, b] = [`${one}${sep}`, `${other}${sep}`];
  return a.startsWith(b) || b.startsWith(a);
}

function realPath(wanted: string): string {
  try {
    return realpathSync.native(wanted);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A link that leads nowhere is not a directory that is missing.
    if (code !== 'ENOENT' || lstatSync(wanted, { throwIfNoEntry: false }) !== undefined) throw error;
    return join(realpathSync.native(dirname(wanted)), basename(wanted));
  }
}

function identityOf({ dev, ino, birthtimeNs, ctimeNs }: BigIntStats): Identity {
  // Node fills in the time of the last change where the system does not say it.
  const age = birthtimeNs === ctimeNs ? { changed: String(ctimeNs) } : { born: String(birthtimeNs) };
  return { device: String(dev), inode: String(ino), ...age };
}

function showLeader(leader: string | undefined): string | undefined {
  return leader === undefined ? undefined : show(leader, 255);
}

function readMark(stateDir: string): Mark | undefined {
  try {
    return JSON.parse(readFileSync(join(stateDir, 'root.json'), 'utf8'));
  } catch {
    return undefined;
  }
}
