/** Writing into the middle of a file. */
import { writeSync } from 'node:fs';

/** Bytes. So much of nothing is left out, so that a file with holes need not fill a disk. */
const HOLE = 4096;
const NOTHING = Buffer.alloc(64 * 1024);

/** Where nothing was written before: what is nothing is not written either. */
export function writeAt(file: number, bytes: Buffer, position: number): void {
  for (let start = 0; start < bytes.length; start += NOTHING.length) {
    const part = bytes.subarray(start, start + NOTHING.length);
    if (part.length >= HOLE && part.equals(NOTHING.subarray(0, part.length))) continue;
    for (let at = 0; at < part.length; ) {
      at += writeSync(file, part, at, part.length - at, position + start + at);
    }
  }
}
