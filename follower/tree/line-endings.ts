/** Texts that differ only in how their lines end: what a git with `core.autocrlf`, or an editor, makes of a file. */
import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** Files of one difference that are looked at, and the bytes of the largest. */
export const MOST_TEXTS = 16;
const LARGEST_TEXT = 1024 * 1024;

const ENDS = ['\n', '\r\n', '\r'];

/** The content of a plain file, unless it is no text, or a long one, or cannot be read. */
export function readText(file: string): Buffer | undefined {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let open: number;
  try {
    open = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(open);
    if (!stats.isFile() || stats.size > LARGEST_TEXT) return undefined;
    const content = readFileSync(open);
    return content.includes(0) ? undefined : content;
  } catch {
    return undefined;
  } finally {
    closeSync(open);
  }
}

/** Of what is in the lines: equal for two texts that differ only in what ends each, and whether something ends the last. */
export function linesDigest(text: Buffer): string {
  return hash('sha256', withEnds(text, '\n', ''));
}

/** Whether it would have this digest if all lines ended alike: for when the other text is no longer there. */
export function isRewritten(text: Buffer, sha256: string): boolean {
  return ENDS.some(end => ['', end].some(last => hash('sha256', withEnds(text, end, last)) === sha256));
}

/** Bytes, whatever they mean: a line break is the same in every encoding that has no NUL in it. */
function withEnds(text: Buffer, end: string, last: string): Buffer {
  const lines = text.toString('latin1').replace(/(?:\r\n|\r|\n)$/, '');
  return Buffer.from(lines.replaceAll(/\r\n|\r|\n/g, end) + last, 'latin1');
}
