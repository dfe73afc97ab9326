/** A lock between processes of one machine that its holder's death releases. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { AwError } from '../contract/errors.ts';
import { isAlive, startMark } from './identity.ts';

interface Holder {
  pid: number;
  mark?: string;
}

export interface Lock {
  release(): void;
}

/**
 * Takes the lock file `path`, also from a holder that is dead. Undefined when somebody alive holds it.
 * @throws AW_DISK
 */
export function takeLock(path: string): Lock | undefined {
  const mark = startMark(process.pid);
  const mine = JSON.stringify({
    pid: process.pid,
    ...(mark === undefined ? {} : { mark }),
    id: randomBytes(8).toString('hex'),
  });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, mine, { mode: 0o600, flag: 'wx' });
    // Linking a finished file shows the lock and its holder at one stroke; nobody ever reads half of it.
    if (tryLink(draft, path) || (removeDead(path, draft) && tryLink(draft, path))) {
      return { release: () => release(path, mine) };
    }
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AwError('AW_DISK', { path, reason: code ?? message }, { cause: error });
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The number of the live process that holds the lock. */
export function lockHolder(path: string): number | undefined {
  const holder = read(path);
  return holder !== undefined && isAlive(holder.pid, holder.mark) ? holder.pid : undefined;
}

function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves the file aside before judging it, so that of several who find it dead each judges what it moved itself. */
function removeDead(path: string, draft: string): boolean {
  if (lockHolder(path) !== undefined) return false;
  const aside = `${draft}.old`;
  try {
    renameSync(path, aside);
  } catch {
    return true;
  }
  const alive = lockHolder(aside) !== undefined;
  if (alive) tryLink(aside, path);
  rmSync(aside, { force: true });
  return !alive;
}

function release(path: string, mine: string): void {
  try {
    if (readFileSync(path, 'utf8') === mine) rmSync(path, { force: true });
  } catch {
    // Gone with its directory.
  }
}

function read(path: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder> | null;
    return typeof holder?.pid === 'number' ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}
