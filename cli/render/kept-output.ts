/** What one host printed, as far as it is kept for the results: its beginning and its end, and a digest of all of it. */
import { createHash } from 'node:crypto';

/** Most bytes kept of one host. */
export const KEPT_LIMIT = 1024 * 1024;
/** What a piece costs beside its bytes, so that a million one-byte chunks stay within the limit too. */
const PIECE_COST = 64;

export type StreamName = 'stdout' | 'stderr';

export interface Piece {
  stream: StreamName;
  /** One character per byte (latin1). */
  text: string;
}

export interface KeptOutput {
  /** `text` has one character per byte. */
  push(stream: StreamName, text: string): void;
  /** In order of arrival; `omitted` bytes are missing between `head` and `tail`. */
  pieces(): { head: Piece[]; omitted: number; tail: Piece[] };
  /** Equal for two hosts exactly when each printed the same bytes to each stream, also in what is not kept. */
  digest(): string;
  isEmpty(): boolean;
}

export function createKeptOutput(limit = KEPT_LIMIT): KeptOutput {
  const hashes = { stdout: createHash('sha256'), stderr: createHash('sha256') };
  const head: Piece[] = [];
  const tail: Piece[] = [];
  let headRoom = limit / 2;
  let tailCost = 0;
  let tailFirst = 0;
  let omitted = 0;

  function dropOldest(): void {
    while (tailCost > limit / 2 && tailFirst < tail.length) {
      const oldest = tail[tailFirst]!;
      const dropped = Math.min(tailCost - limit / 2, oldest.text.length);
      oldest.text = oldest.text.slice(dropped);
      omitted += dropped;
      tailCost -= dropped;
      if (oldest.text !== '') return;
      tailCost -= PIECE_COST;
      tailFirst += 1;
    }
    // The dropped pieces' slots go in one move now and then, not one by one.
    if (tailFirst > 1024 && tailFirst > tail.length / 2) {
      tail.splice(0, tailFirst);
      tailFirst = 0;
    }
  }

  return {
    push(stream, text) {
      if (text === '') return;
      hashes[stream].update(text, 'latin1');
      let rest = text;
      if (headRoom > 0) {
        const taken = rest.slice(0, headRoom);
        head.push({ stream, text: taken });
        headRoom -= taken.length + PIECE_COST;
        rest = rest.slice(taken.length);
      }
      if (rest === '') return;
      tail.push({ stream, text: rest });
      tailCost += rest.length + PIECE_COST;
      dropOldest();
    },
    pieces: () => ({ head: [...head], omitted, tail: tail.slice(tailFirst) }),
    digest: () => `${hashes.stdout.copy().digest('hex')}:${hashes.stderr.copy().digest('hex')}`,
    isEmpty: () => head.length === 0,
  };
}
