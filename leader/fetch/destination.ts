/** A directory of the leader for what one follower has. Names from there never lead out of it. */
import { createHash, randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import { compileIgnores } from '../../follower/tree/ignore.ts';
import { TEMPORARY_PREFIX } from '../../follower/tree/protected-names.ts';
import { checkTreePath, parentOf } from '../../follower/tree/safe-path.ts';

/**
 * The directory, made where it is missing, free of links.
 * @param patterns what does not belong to the project's tree
 * @throws AW_FETCH_DEST for one in that tree: what came from one follower would go to all of them
 */
export function openDestination(wanted: string, project: string, patterns: readonly string[]): string {
  const refuse = (reason: string, cause?: unknown) =>
    new AwError('AW_FETCH_DEST', { path: show(wanted, 4096), reason }, { cause });
  try {
    const path = realOrPlanned(resolve(wanted));
    const at = relative(realpathSync(project), path);
    if (at === '') throw refuse('it is the project itself');
    const names = at.split(sep);
    const rules = compileIgnores(patterns);
    const isIgnored = names.some((_, index) => rules.ignores(names.slice(0, index + 1).join('/'), true));
    if (names[0] !== '..' && !isIgnored) {
      throw refuse('it is a part of the project, and followers would get all of it');
    }
    mkdirSync(path, { recursive: true });
    return path;
  } catch (error) {
    if (error instanceof AwError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw refuse(code ?? message, error);
  }
}

/** Where it is, or will be once it is made. */
function realOrPlanned(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return realpathSync(path);
  return join(realOrPlanned(dirname(path)), basename(path));
}

export interface Incoming {
  write(chunk: Buffer): Promise<void>;
  /** Bytes so far. */
  readonly length: number;
  /** Puts the file in its place if it has this digest. @throws Error with the reason why not */
  publish(sha256: string): Promise<void>;
  /** Leaves nothing of it. May be called again, and after `publish`. */
  drop(): Promise<void>;
}

export interface HostDirectory {
  /** Begins a file. @throws AW_TREE_PATH; Error with the reason why it cannot be there */
  begin(path: string, executable: boolean): Promise<Incoming>;
}

/** @param root of `openDestination`, with the host's own name behind it */
export function hostDirectory(root: string): HostDirectory {
  /** Files that this fetch has put there, as the file system knows them: another name may be one of them. */
  const published = new Map<string, string>();
  const draftsAt = `${root}/${TEMPORARY_PREFIX}fetch-${randomUUID()}`;
  let drafts = 0;

  return {
    async begin(path, executable) {
      checkTreePath(path);
      makeDirectory(root, parentOf(path));
      const target = `${root}/${path}`;
      const draft = `${draftsAt}-${drafts++}`;
      const file: FileHandle = await open(draft, 'wx', executable ? 0o777 : 0o666);
      const digest = createHash('sha256');
      let length = 0;
      let isOpen = true;
      const close = async () => {
        if (isOpen) await file.close();
        isOpen = false;
      };
      return {
        get length() {
          return length;
        },
        async write(chunk) {
          digest.update(chunk);
          length += chunk.length;
          await file.writeFile(chunk);
        },
        async publish(sha256) {
          if (digest.digest('hex') !== sha256) throw new Error('it arrived with another digest');
          await close();
          const there = await identityAt(target);
          const other = there === undefined ? undefined : published.get(there);
          if (other !== undefined) throw new Error(`${show(other)} is the same file here`);
          await rename(draft, target);
          published.set((await identityAt(target))!, path);
        },
        async drop() {
          await close();
          await rm(draft, { force: true });
        },
      };
    },
  };
}

/** Each directory on the way is one, and none is a link, whatever stood there before. */
function makeDirectory(root: string, path: string): void {
  let at = root;
  for (const name of ['', ...path.split('/')]) {
    if (name !== '') at = `${at}/${name}`;
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (stats === undefined) mkdirSync(at);
    else if (!stats.isDirectory()) throw new Error(`${show(at, 4096)} is no directory`);
  }
}

async function identityAt(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await lstat(path, { bigint: true });
    return `${dev}/${ino}`;
  } catch {
    return undefined;
  }
}
