/** What one host printed, as far as it is kept for the results: its beginning and its end, and a digest of all of it. */
import { createHash } from 'node:crypto';
import { createPieceRing, type Piece, type StreamName } from './piece-ring.ts';

export type { Piece, StreamName } from './piece-ring.ts';

/** Most bytes kept of one host. */
export const KEPT_LIMIT = 1024 * 1024;

export interface KeptOutput {
  push(stream: StreamName, bytes: Buffer): void;
  /** In order of arrival; `omitted` bytes are missing between `head` and `tail`. */
  pieces(): { head: Piece[]; omitted: number; tail: Piece[] };
  /** Equal for two hosts exactly when each printed the same bytes to each stream, also in what is not kept. */
  digest(): string;
  isEmpty(): boolean;
}

export function createKeptOutput(limit = KEPT_LIMIT): KeptOutput {
  const hashes = { stdout: createHash('sha256'), stderr: createHash('sha256') };
  const head = createPieceRing(Math.floor(limit / 2));
  const tail = createPieceRing(Math.floor(limit / 2));
  let isEmpty = true;
  let isHeadFull = false;
  let omitted = 0;
  return {
    push(stream, bytes) {
      if (bytes.length === 0) return;
      isEmpty = false;
      hashes[stream].update(bytes);
      let rest = bytes;
      if (!isHeadFull) {
        const taken = bytes.subarray(0, Math.max(0, head.room(stream)));
        if (taken.length > 0) head.append(stream, taken);
        rest = bytes.subarray(taken.length);
        isHeadFull = rest.length > 0;
      }
      if (rest.length > 0) omitted += tail.append(stream, rest);
    },
    pieces: () => ({ head: head.pieces(), omitted, tail: tail.pieces() }),
    digest: () => `${hashes.stdout.copy().digest('hex')}:${hashes.stderr.copy().digest('hex')}`,
    isEmpty: () => isEmpty,
  };
}
