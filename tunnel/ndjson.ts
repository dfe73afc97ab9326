/** Newline-delimited JSON: one value per line, UTF-8, `\n` only. */

import { AwError } from '../contract/errors.ts';
import { MAX_LINE } from '../contract/limits.ts';

const NEWLINE = 0x0a;

/** One value as a line. JSON escapes every line break inside it, so the line is whole. */
export function encodeLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * The lines of a byte stream without their `\n`; empty ones are skipped. Memory is bounded by `limit` plus one chunk.
 * What follows the last `\n` is a line only when the source ends without an error.
 * @throws AW_FRAME_TOO_LARGE when a line is longer than `limit` bytes; whatever the source throws.
 */
export async function* decodeLines(
  source: AsyncIterable<Uint8Array>,
  limit: number = MAX_LINE,
): AsyncGenerator<string> {
  let held: Uint8Array[] = [];
  let heldLength = 0;
  for await (const bytes of source) {
    const chunk = asBuffer(bytes);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      checkLength(heldLength + end - start, limit);
      if (heldLength > 0) {
        held.push(chunk.subarray(start, end));
        yield Buffer.concat(held).toString();
        held = [];
        heldLength = 0;
      } else if (end > start) {
        yield chunk.toString('utf8', start, end);
      }
      start = end + 1;
    }
    if (start < chunk.length) {
      heldLength += chunk.length - start;
      checkLength(heldLength, limit);
      held.push(chunk.subarray(start));
    }
  }
  if (heldLength > 0) yield Buffer.concat(held).toString();
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkLength(length: number, limit: number): void {
  if (length > limit) throw new AwError('AW_FRAME_TOO_LARGE', { what: 'a line', limit });
}
