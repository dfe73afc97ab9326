/** Contents of the leader's files, as frames for a follower. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { Content } from '../../contract/trees.ts';
import { frameHeader } from '../../follower/tree/content-frames.ts';

/** Bytes. Small files are sent together in chunks of this size, large ones are read in them. */
const CHUNK = 256 * 1024;

/**
 * @param paths by digest
 * @throws AW_LEADER_UNSTABLE when a file has not the content any more that is wanted: before the last of it is sent, so that
 * nobody has all of what was never meant for him
 */
export async function* contentFrames(
  root: string,
  wanted: readonly Content[],
  paths: ReadonlyMap<string, string>,
): AsyncGenerator<Buffer> {
  const real = await realpath(root);
  let held: Buffer[] = [];
  let length = 0;
  for (const { sha256, size } of wanted) {
    const path = paths.get(sha256);
    if (path === undefined) throw new AwError('AW_LEADER_UNSTABLE', { path: show(sha256) });
    held.push(frameHeader(sha256, size));
    for await (const chunk of fileContent(join(real, path), sha256, size)) {
      held.push(chunk);
      length += chunk.length;
      if (length < CHUNK) continue;
      yield Buffer.concat(held);
      held = [];
      length = 0;
    }
  }
  if (held.length > 0) yield Buffer.concat(held);
}

async function* fileContent(file: string, sha256: string, size: number): AsyncGenerator<Buffer> {
  const changed = (cause?: unknown) => new AwError('AW_LEADER_UNSTABLE', { path: show(file) }, { cause });
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let handle: FileHandle;
  try {
    handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    throw changed(error);
  }
  try {
    if (!(await handle.stat()).isFile()) throw changed();
    // Of a small file nothing leaves before its digest has been compared; a large one must not be behind a link either.
    if (size > CHUNK && (await realpath(file)) !== file) throw changed();
    const digest = createHash('sha256');
    let left = size;
    while (left > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, left));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) throw changed();
      left -= bytesRead;
      const read = chunk.subarray(0, bytesRead);
      digest.update(read);
      if (left === 0 && digest.digest('hex') !== sha256) throw changed();
      yield read;
    }
  } finally {
    await handle.close();
  }
}
