/** Newline-delimited JSON: one value per line, UTF-8, `\n` only. */

import { AwError } from '../contract/errors.ts';
import { MAX_LINE } from '../contract/limits.ts';

const NEWLINE = 0x0a;
/** Characters. */
const CHUNK = 64 * 1024;

/** One value as a line. JSON escapes every line break inside it, so the line is whole. */
export function encodeLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Many lines to a chunk. */
export async function* encodeLines(values: Iterable<unknown>): AsyncGenerator<Buffer> {
  let text = '';
  for (const value of values) {
    text += encodeLine(value);
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

/** As `readLines`, as text and without the `\n`. */
export async function* decodeLines(
  source: AsyncIterable<Uint8Array>,
  limit: number = MAX_LINE,
): AsyncGenerator<string> {
  for await (const line of readLines(source, limit)) yield line.toString('utf8', 0, line.length - 1);
}

/**
 * The lines of a byte stream, each with its `\n`; empty ones are skipped. Memory is bounded by `limit` plus one chunk, of
 * which a line may be a part. What follows the last `\n` is a line only when the source ends without an error.
 * @throws AW_FRAME_TOO_LARGE when a line is longer than `limit` bytes, its `\n` apart; whatever the source throws.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  limit: number = MAX_LINE,
): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let heldLength = 0;
  for await (const bytes of source) {
    const chunk = asBuffer(bytes);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      checkLength(heldLength + end - start, limit);
      const line = chunk.subarray(start, end + 1);
      start = end + 1;
      if (heldLength > 0) {
        held.push(line);
        yield Buffer.concat(held);
        held = [];
        heldLength = 0;
      } else if (line.length > 1) {
        yield line;
      }
    }
    if (start < chunk.length) {
      heldLength += chunk.length - start;
      checkLength(heldLength, limit);
      held.push(chunk.subarray(start));
    }
  }
  if (heldLength > 0) yield Buffer.concat([...held, Uint8Array.of(NEWLINE)]);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkLength(length: number, limit: number): void {
  if (length > limit) throw new AwError('AW_FRAME_TOO_LARGE', { what: 'a line', limit });
}
