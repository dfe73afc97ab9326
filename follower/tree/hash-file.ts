/** The digest of a file that holds still while it is read. */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

/** Bytes. Files of this size or less are read at once. */
const CHUNK = 1024 * 1024;
const TRIES = 3;

export interface Hashed {
  sha256: string;
  /** Of the very file that was read, before and after. */
  stats: Stats;
}

let buffer: Buffer | undefined;

/**
 * Never follows a link, and never waits for a writer of a pipe that has taken the place of a file.
 * @param seen how it looked right before, which spares another look
 * @throws the system's error, or one with code `EBUSY` when the file changed each time it was read
 */
export function hashFile(path: string, seen?: Stats): Hashed {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    let before = seen ?? fstatSync(file);
    for (let tries = 0; tries < TRIES; tries++) {
      if (!before.isFile()) throw Object.assign(new Error('it is no longer a file'), { code: 'EBUSY' });
      const sha256 = hashOpen(file, before.size);
      const after = fstatSync(file);
      if (sha256 !== undefined && looksAlike(before, after)) return { sha256, stats: after };
      before = after;
    }
    throw Object.assign(new Error('it changes while it is read'), { code: 'EBUSY' });
  } finally {
    closeSync(file);
  }
}

function looksAlike(one: Stats, other: Stats): boolean {
  return (
    one.ino === other.ino &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs
  );
}

/** Undefined when there is more or less in it than its size says. */
function hashOpen(file: number, size: number): string | undefined {
  buffer ??= Buffer.allocUnsafe(CHUNK);
  let position = readSync(file, buffer, 0, CHUNK, 0);
  if (position === size && size < CHUNK) return hash('sha256', buffer.subarray(0, size), 'hex');
  const digest = createHash('sha256').update(buffer.subarray(0, position));
  for (;;) {
    const count = readSync(file, buffer, 0, CHUNK, position);
    if (count === 0) return position === size ? digest.digest('hex') : undefined;
    digest.update(buffer.subarray(0, count));
    position += count;
    if (position > size) return undefined;
  }
}
