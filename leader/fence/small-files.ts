/** Many small files at one go, as frames. Synchronous, which is many times as fast as asking for each in turn: for a thread of its own. */
import { hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { AwError, show } from '../../contract/errors.ts';
import { FRAME_HEADER, frameHeader } from '../../follower/tree/content-frames.ts';

export interface SmallFile {
  /** Absolute. */
  file: string;
  sha256: string;
  size: number;
}

/** @throws AW_LEADER_UNSTABLE for a file that has not this content: nothing of it has left then, whatever it may be now */
export function smallFrames(files: readonly SmallFile[]): Uint8Array {
  const length = files.reduce((sum, { size }) => sum + FRAME_HEADER + size, 0);
  // A buffer of its own, because it is handed over to another thread.
  const frames = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const { file, sha256, size } of files) {
    at += frameHeader(sha256, size).copy(frames, at);
    const content = frames.subarray(at, at + size);
    readInto(content, file, sha256);
    at += size;
  }
  return frames;
}

function readInto(content: Buffer, file: string, sha256: string): void {
  const changed = (cause?: unknown) => new AwError('AW_LEADER_UNSTABLE', { path: show(file) }, { cause });
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let open: number;
  try {
    open = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    throw changed(error);
  }
  try {
    // What is no file is found out by its content, as what is another file is.
    for (let position = 0; position < content.length; ) {
      const count = readSync(open, content, position, content.length - position, position);
      if (count === 0) throw changed();
      position += count;
    }
  } catch (error) {
    throw error instanceof AwError ? error : changed(error);
  } finally {
    closeSync(open);
  }
  if (hash('sha256', content, 'hex') !== sha256) throw changed();
}
