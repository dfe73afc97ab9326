/**
 * Contents of many files on one stream. A frame is 32 bytes of digest, 6 bytes of length (big-endian), and as many bytes of
 * content. Cut into any chunks on the way, it reads the same.
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { AwError } from '../../contract/errors.ts';
import { isLarge } from './basis.ts';
import { PLAIN_MODE, type Staging } from './staging.ts';
import { writeAt } from './write-at.ts';

export const FRAME_HEADER = 38;

export function frameHeader(sha256: string, size: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER);
  header.write(sha256, 0, 'hex');
  header.writeUIntBE(size, 32, 6);
  return header;
}

interface Open {
  sha256: string;
  size: number;
  left: number;
  hash: Hash;
  part: string;
  file: number;
}

/** Takes a stream, as it comes. */
export interface ContentReader {
  /** @throws AW_INVALID_REQUEST, or the system's error */
  write(chunk: Buffer): void;
  /** Whether the stream ended where it may. */
  isWhole(): boolean;
  /** Lets go of what has not come completely. */
  close(): void;
}

/**
 * Takes a stream of frames into a staging directory. Content is there, by its digest, only when all of it has come and the
 * digest is its own; what a stream that broke had brought completely stays.
 */
export function createContentReader(staging: Staging, expected: ReadonlyMap<string, number>): ContentReader {
  let header: Buffer = Buffer.alloc(0);
  let open: Open | undefined;

  const next = () => {
    const sha256 = header.toString('hex', 0, 32);
    const size = header.readUIntBE(32, 6);
    header = Buffer.alloc(0);
    if (expected.get(sha256) !== size) throw refused('content that nobody has asked for');
    return { sha256, size };
  };
  /**
   * Content that has come in one piece, as most does: what is written at once needs no other name until it is whole. A half
   * that a crash leaves is found out by `recoverStaging`.
   */
  const keep = (sha256: string, content: Buffer) => {
    if (hash('sha256', content, 'hex') !== sha256) throw refused('content that is not what it says');
    const file = staging.pathOf(sha256);
    try {
      writeFileSync(file, content, { flag: 'wx', mode: PLAIN_MODE });
    } catch (error) {
      // What was there is as good.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && staging.has(sha256, content.length)) return;
      rmSync(file, { force: true, recursive: true });
      throw error;
    }
  };
  const begin = (sha256: string, size: number): Open => {
    const part = isLarge(size) ? staging.begunPath(sha256) : staging.partPath();
    rmSync(part, { force: true, recursive: true });
    return {
      sha256,
      size,
      left: size,
      hash: createHash('sha256'),
      part,
      file: openSync(part, 'wx', PLAIN_MODE),
    };
  };
  const finish = ({ file, hash, part, sha256, size }: Open) => {
    try {
      ftruncateSync(file, size);
    } finally {
      open = undefined;
      closeSync(file);
    }
    if (hash.digest('hex') !== sha256) {
      rmSync(part, { force: true });
      throw refused('content that is not what it says');
    }
    renameSync(part, staging.pathOf(sha256));
  };

  return {
    write(chunk) {
      let rest = chunk;
      while (rest.length > 0) {
        if (open === undefined) {
          const taken = rest.subarray(0, FRAME_HEADER - header.length);
          header = header.length === 0 ? taken : Buffer.concat([header, taken]);
          rest = rest.subarray(taken.length);
          if (header.length < FRAME_HEADER) continue;
          const { sha256, size } = next();
          if (size > rest.length) open = begin(sha256, size);
          else {
            keep(sha256, rest.subarray(0, size));
            rest = rest.subarray(size);
          }
          continue;
        }
        const taken = rest.subarray(0, open.left);
        rest = rest.subarray(taken.length);
        writeAt(open.file, taken, open.size - open.left);
        open.hash.update(taken);
        open.left -= taken.length;
        if (open.left === 0) finish(open);
      }
    },
    isWhole: () => open === undefined && header.length === 0,
    close() {
      if (open === undefined) return;
      closeSync(open.file);
      // What has come of it can be gone on from.
      if (!isLarge(open.size)) rmSync(open.part, { force: true });
      open = undefined;
    },
  };
}

function refused(problem: string): AwError {
  return new AwError('AW_INVALID_REQUEST', { problem });
}
