/** Finds what the program on a host without an agent says of itself between the bytes of the command. */

/** The longest line: a refusal holds a PATH. */
const MAX_WORDS = 256 * 1024;
const LINE_FEED = 0x0a;

/** Either bytes of whoever else writes there, or the words behind a frame. */
export type Piece = { bytes: Buffer; words?: never } | { words: string; bytes?: never };

export interface FrameReader {
  push(chunk: Buffer): Piece[];
  /** What was held back, when nothing more comes. */
  end(): Piece[];
}

/** A reader of one stream. It holds back only what may be the beginning of a frame, or is one that has not ended. */
export function createFrameReader(frame: string): FrameReader {
  const mark = Buffer.from(frame);
  let held: Buffer = Buffer.alloc(0);
  const take = (count: number): Piece[] => {
    const bytes = held.subarray(0, count);
    held = held.subarray(count);
    return bytes.length === 0 ? [] : [{ bytes }];
  };
  return {
    push(chunk) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const pieces: Piece[] = [];
      for (;;) {
        const start = held.indexOf(mark);
        if (start === -1) return [...pieces, ...take(held.length - beginning(held, mark))];
        pieces.push(...take(start));
        const end = held.indexOf(LINE_FEED);
        if (end === -1) return held.length > MAX_WORDS ? [...pieces, ...take(held.length)] : pieces;
        pieces.push({ words: held.toString('utf8', mark.length, end).trim() });
        held = held.subarray(end + 1);
      }
    },
    end: () => take(held.length),
  };
}

/** How many bytes at the end are the beginning of `mark`. */
function beginning(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length--) {
    if (bytes.compare(mark, 0, length, bytes.length - length) === 0) return length;
  }
  return 0;
}
