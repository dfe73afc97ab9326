/** Contents of the leader's files, as frames for a follower. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { Content } from '../../contract/trees.ts';
import { frameHeader } from '../../follower/tree/content-frames.ts';

/** Bytes. Small files are sent together in chunks of this size, large ones are read in them. */
const CHUNK = 256 * 1024;

/**
 * @param paths by digest
 * @throws AW_LEADER_UNSTABLE when a file is gone or has another size by now; another content of the same size is noticed by
 * whoever gets it
 */
export async function* contentFrames(
  root: string,
  wanted: readonly Content[],
  paths: ReadonlyMap<string, string>,
): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let length = 0;
  for (const { sha256, size } of wanted) {
    const path = paths.get(sha256);
    if (path === undefined) throw new AwError('AW_LEADER_UNSTABLE', { path: show(sha256) });
    held.push(frameHeader(sha256, size));
    for await (const chunk of fileContent(join(root, path), size)) {
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

async function* fileContent(file: string, size: number): AsyncGenerator<Buffer> {
  const changed = (cause?: unknown) => new AwError('AW_LEADER_UNSTABLE', { path: show(file) }, { cause });
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (error) {
    throw changed(error);
  }
  try {
    let left = size;
    while (left > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, left));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) throw changed();
      left -= bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
