/**
 * Cuts a content into chunks where the content itself says so (FastCDC: a rolling "gear" hash that has enough zero bits ends
 * one). Whoever cuts the same bytes cuts at the same places, also when something was put in before them: after that, only the
 * chunk it was put into is another one. Pure.
 */
import { hash } from 'node:crypto';
import { CHUNK_BITS } from '../../contract/limits.ts';

/** What a list of chunks costs is to stay small beside the chunks. */
const WANTED_CHUNKS = 8192;

/** A chunk is between a quarter of the average and four times as much. */
const SPREAD_BITS = 2;
/** Each byte is shifted out of the hash after so many more. */
const WINDOW = 32;

/** A random number for each byte, the same everywhere. */
const GEAR = new Int32Array(256);
for (let at = 0; at < GEAR.length; at += 8) {
  const random = hash('sha256', `gear ${at}`, 'buffer');
  for (let index = 0; index < 8; index++) GEAR[at + index] = random.readInt32BE(4 * index);
}

/** How a file of this size is cut: the average size of a chunk, as a power of two. */
export function chunkBits(size: number): number {
  const bits = Math.ceil(Math.log2(size / WANTED_CHUNKS));
  return Math.min(Math.max(bits, CHUNK_BITS.least), CHUNK_BITS.most);
}

/** The length of the first chunk of `bytes`, which are all that is left or at least four times the average. */
export function firstChunk(bytes: Uint8Array, bits: number): number {
  const average = 2 ** bits;
  const least = average >> SPREAD_BITS;
  const end = Math.min(bytes.length, average << SPREAD_BITS);
  if (end <= least) return end;
  // Harder to end before the average and easier after it, so that most are near to it. The upper bits have seen the whole window.
  const [hard, easy] = [-1 << (WINDOW - bits - 1), -1 << (WINDOW - bits + 1)];
  const middle = Math.min(end, average);
  // Always a whole number of 32 bits, which is four times as fast as any other.
  let rolling = 0;
  let at = least - WINDOW;
  for (; at < least; at++) rolling = ((rolling << 1) + GEAR[bytes[at]!]!) | 0;
  for (; at < middle; at++) {
    rolling = ((rolling << 1) + GEAR[bytes[at]!]!) | 0;
    if ((rolling & hard) === 0) return at + 1;
  }
  for (; at < end; at++) {
    rolling = ((rolling << 1) + GEAR[bytes[at]!]!) | 0;
    if ((rolling & easy) === 0) return at + 1;
  }
  return end;
}

/**
 * The chunks of what `read` brings, in order, together all of it. A chunk is valid until the next one is asked for.
 * @param read fills the beginning of a buffer with what comes next, and says with how many bytes; 0 at the end
 */
export function* chunksOf(read: (into: Buffer) => number, bits: number): Generator<Buffer> {
  const longest = 2 ** (bits + SPREAD_BITS);
  const buffer = Buffer.allocUnsafe(2 * longest);
  let [start, end] = [0, 0];
  for (let isEnd = false; ; ) {
    if (!isEnd && end - start < longest) {
      buffer.copyWithin(0, start, end);
      [start, end] = [0, end - start];
      while (!isEnd && end < buffer.length) {
        const count = read(buffer.subarray(end));
        isEnd = count === 0;
        end += count;
      }
    }
    if (start === end) return;
    const chunk = buffer.subarray(start, end);
    const length = firstChunk(chunk, bits);
    yield chunk.subarray(0, length);
    start += length;
  }
}
