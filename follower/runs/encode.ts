/** Output bytes as `hostLog` events. Pure. */
import { isUtf8 } from 'node:buffer';
import { LOG_CHUNK } from '../../contract/limits.ts';

/** The part of a `hostLog` that says what the bytes are. */
export interface EncodedLog {
  message: string;
  encoding?: 'base64';
  /** Position in its stream of the first byte. */
  offset: number;
}

export interface LogEncoder {
  /** Bytes encoded or held so far. */
  readonly bytes: number;
  push(chunk: Buffer): EncodedLog[];
  /** What was held back. */
  end(): EncodedLog[];
}

/**
 * One stream's encoder. Valid UTF-8 becomes text, anything else base64, in events of at most `LOG_CHUNK` bytes. A code
 * point that is cut off by the end of a chunk (at most 3 bytes) waits for the next chunk, so text never breaks inside one.
 */
export function createLogEncoder(): LogEncoder {
  let held = Buffer.alloc(0);
  let encoded = 0;

  const encode = (bytes: Buffer): EncodedLog => {
    const offset = encoded;
    encoded += bytes.length;
    return isUtf8(bytes)
      ? { message: bytes.toString('utf8'), offset }
      : { message: bytes.toString('base64'), encoding: 'base64', offset };
  };

  return {
    get bytes() {
      return encoded + held.length;
    },
    push(chunk) {
      const events: EncodedLog[] = [];
      let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      while (rest.length > 0) {
        const piece = rest.subarray(0, LOG_CHUNK);
        const whole = piece.subarray(0, piece.length - incompleteTail(piece));
        // Only text has code points to keep whole: bytes that are no text go out at once.
        const ready = isUtf8(whole) ? whole : piece;
        if (ready.length === 0) break;
        events.push(encode(ready));
        rest = rest.subarray(ready.length);
      }
      held = Buffer.from(rest);
      return events;
    },
    end() {
      const rest = held;
      held = Buffer.alloc(0);
      return rest.length === 0 ? [] : [encode(rest)];
    },
  };
}

/** How many bytes at the end could be the beginning of a code point: 0 to 3. */
function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}
