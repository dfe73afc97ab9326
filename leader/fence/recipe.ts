/** Large files of the leader as recipes, and their chunks. In the tree's thread, which has other work in between. */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { AwError, show } from '../../contract/errors.ts';
import { MOST_CHUNKS } from '../../contract/limits.ts';
import type { Recipe } from '../../contract/trees.ts';
import { chunkBits, chunksOf } from '../../follower/tree/chunks.ts';

/** Bytes that are read at one go. */
const TURN = 32 * 1024 * 1024;

export interface LargeFile {
  /** Absolute, with no link on the way. */
  file: string;
  sha256: string;
  size: number;
}

/**
 * Undefined when it has too many chunks.
 * @throws AW_LEADER_UNSTABLE when it has not this content
 */
export async function makeRecipe({ file, sha256, size }: LargeFile): Promise<Recipe | undefined> {
  const bits = chunkBits(size);
  const whole = createHash('sha256');
  const chunks: Recipe['chunks'] = [];
  const open = openFile(file);
  try {
    let left = size;
    let untilTurn = TURN;
    const read = (into: Buffer) => {
      const count = readSync(open, into, 0, Math.min(into.length, left), size - left);
      left -= count;
      return count;
    };
    for (const chunk of chunksOf(read, bits)) {
      if (chunks.length === MOST_CHUNKS) return undefined;
      whole.update(chunk);
      chunks.push([hash('sha256', chunk, 'hex'), chunk.length]);
      untilTurn -= chunk.length;
      if (untilTurn > 0) continue;
      untilTurn = TURN;
      await turn();
    }
    if (left > 0 || whole.digest('hex') !== sha256) throw changed(file);
    return { sha256, size, bits, chunks };
  } finally {
    closeSync(open);
  }
}

export interface Piece {
  position: number;
  length: number;
  sha256: string;
}

/** @throws AW_LEADER_UNSTABLE when they are not there: nothing of them has left then, whatever it may be now */
export function readPieces(file: string, pieces: readonly Piece[]): Uint8Array {
  // A buffer of its own, because it is handed over to another thread.
  const bytes = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0));
  const open = openFile(file);
  try {
    let at = 0;
    for (const { position, length, sha256 } of pieces) {
      const piece = bytes.subarray(at, at + length);
      at += length;
      for (let done = 0; done < length; ) {
        const count = readSync(open, piece, done, length - done, position + done);
        if (count === 0) throw changed(file);
        done += count;
      }
      if (hash('sha256', piece, 'hex') !== sha256) throw changed(file);
    }
    return bytes;
  } finally {
    closeSync(open);
  }
}

function openFile(file: string): number {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let open: number | undefined;
  try {
    open = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fstatSync(open).isFile() && realpathSync(file) === file) return open;
    throw changed(file);
  } catch (error) {
    if (open !== undefined) closeSync(open);
    throw error instanceof AwError ? error : changed(file, error);
  }
}

function changed(file: string, cause?: unknown): AwError {
  return new AwError('AW_LEADER_UNSTABLE', { path: show(file) }, { cause });
}
