/** Files of a workspace, as frames for the leader. Nothing outside of the root is read, and no link is followed. */
import { createHash } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { FileEnd, FileProblem, FileStart, FilesEnd, FilesRequest } from '../../contract/files.ts';
import { TEMPORARY_PREFIX, vcsAliasOf } from '../tree/protected-names.ts';
import { encodeFrame, MAX_FRAME } from './frames.ts';
import { compileGlob, type Glob } from './globs.ts';

/** Problems that are told; the rest is only counted. */
const PROBLEMS = 100;

/** @throws AW_TREE_ROOT, AW_USAGE before the first frame */
export async function sendFiles(request: FilesRequest): Promise<AsyncGenerator<Buffer>> {
  const globs = request.globs.map(compileGlob);
  return frames(await realRoot(request.root), globs, request);
}

async function* frames(
  root: string,
  globs: readonly Glob[],
  { maxFiles, maxBytes }: FilesRequest,
): AsyncGenerator<Buffer> {
  let files = 0;
  let bytes = 0;
  let problems = 0;
  let more = false;
  const problem = (path: string, reason: string) =>
    encodeFrame('problem', { path, reason } satisfies FileProblem);
  for await (const { path, entry } of matching(root, globs)) {
    if (files === maxFiles || problems === PROBLEMS) {
      more = true;
      break;
    }
    try {
      if (!entry.isFile()) throw new Error(entry.isSymbolicLink() ? 'it is a link' : 'it is no plain file');
      const { handle, size, executable } = await openFile(root, path);
      try {
        if (size > maxBytes - bytes) {
          more = true;
          throw new Error(`${size} bytes, and only ${maxBytes - bytes} of what may be sent are left`);
        }
        yield encodeFrame('start', { path, size, executable } satisfies FileStart);
        yield* content(handle, size);
      } finally {
        await handle.close();
      }
      files++;
      bytes += size;
    } catch (error) {
      problems++;
      const { code, message } = error as NodeJS.ErrnoException;
      yield problem(path, code ?? message);
    }
  }
  yield encodeFrame('over', { more } satisfies FilesEnd);
}

/** Content and end of one file, which says so where it was not read as it was. Never throws for the file. */
async function* content(handle: FileHandle, size: number): AsyncGenerator<Buffer> {
  const digest = createHash('sha256');
  let end: FileEnd;
  try {
    let left = size;
    while (left > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(MAX_FRAME, left));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) throw new Error('it became shorter while it was read');
      left -= bytesRead;
      const read = chunk.subarray(0, bytesRead);
      digest.update(read);
      yield encodeFrame('content', read);
    }
    end = { sha256: digest.digest('hex') };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    end = { error: code ?? message };
  }
  yield encodeFrame('end', end);
}

async function openFile(root: string, path: string) {
  const file = `${root}/${path}`;
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error('it is no plain file');
    // A directory on the way may have been exchanged for a link since it was listed.
    const directory = dirname(path) === '.' ? root : `${root}/${dirname(path)}`;
    if (process.platform !== 'win32' && (await realpath(directory)) !== directory)
      throw new Error('a directory on the way is a link');
    return { handle, size: stats.size, executable: (stats.mode & 0o100) !== 0 };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Each path once, in no particular order. Only directories below which something can match are looked into. */
async function* matching(
  root: string,
  globs: readonly Glob[],
): AsyncGenerator<{ path: string; entry: Dirent }> {
  const bases = globs.map(({ base }) => base);
  const leads = (directory: string) =>
    bases.some(
      base => base === '' || `${directory}/`.startsWith(`${base}/`) || `${base}/`.startsWith(`${directory}/`),
    );
  const waiting = [''];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    let entries: Dirent[];
    try {
      entries = await readdir(at === '' ? root : `${root}/${at}`, { withFileTypes: true });
    } catch {
      // It has gone, or is not for this user: nothing in it matches.
      continue;
    }
    for (const entry of entries) {
      const { name } = entry;
      if (isOutOfBounds(name)) continue;
      const path = at === '' ? name : `${at}/${name}`;
      if (entry.isDirectory()) {
        if (leads(path)) waiting.push(path);
      } else if (globs.some(glob => glob.matches(path))) yield { path, entry };
    }
  }
}

/** What no leader takes: version control, what a fence is writing, names that are not UTF-8. */
function isOutOfBounds(name: string): boolean {
  return (
    vcsAliasOf(name) !== undefined ||
    name.toLowerCase().startsWith(TEMPORARY_PREFIX) ||
    name.includes('\ufffd')
  );
}

/** @throws AW_TREE_ROOT */
async function realRoot(root: string): Promise<string> {
  try {
    const real = await realpath(root);
    if (!(await stat(real)).isDirectory()) throw new Error('it is not a directory');
    return real;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AwError('AW_TREE_ROOT', { path: show(root), reason: code ?? message }, { cause: error });
  }
}
