/**
 * Contents of many files on one stream. A frame is 32 bytes of digest, 6 bytes of length (big-endian), and as many bytes of
 * content. Cut into any chunks on the way, it reads the same.
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { AwError } from '../../contract/errors.ts';
import type { Staging } from './staging.ts';

export const FRAME_HEADER = 38;
/** Bytes. So much of nothing is left out, so that a file with holes need not fill a disk. */
const HOLE = 4096;
const NOTHING = Buffer.alloc(64 * 1024);

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

/**
 * Takes a stream of frames into a staging directory. Content is there, by its digest, only when all of it has come and the
 * digest is its own; what a stream that broke had brought completely stays.
 */
export function createContentReader(staging: Staging, expected: ReadonlyMap<string, number>) {
  let header: Buffer = Buffer.alloc(0);
  let open: Open | undefined;

  const next = () => {
    const sha256 = header.toString('hex', 0, 32);
    const size = header.readUIntBE(32, 6);
    header = Buffer.alloc(0);
    if (expected.get(sha256) !== size) throw refused('content that nobody has asked for');
    return { sha256, size };
  };
  /** Content that has come in one piece, as most does. */
  const keep = (sha256: string, content: Buffer) => {
    if (hash('sha256', content, 'hex') !== sha256) throw refused('content that is not what it says');
    const part = staging.partPath();
    try {
      writeFileSync(part, content, { flag: 'wx', mode: 0o600 });
      renameSync(part, staging.pathOf(sha256));
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  };
  const begin = (sha256: string, size: number): Open => {
    const part = staging.partPath();
    return { sha256, size, left: size, hash: createHash('sha256'), part, file: openSync(part, 'wx', 0o600) };
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
    /** @throws AW_INVALID_REQUEST, or the system's error */
    write(chunk: Buffer): void {
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
    /** Whether the stream ended between two frames. */
    isWhole: (): boolean => open === undefined && header.length === 0,
    /** Lets go of what has not come completely. */
    close(): void {
      if (open === undefined) return;
      closeSync(open.file);
      rmSync(open.part, { force: true });
      open = undefined;
    },
  };
}

function writeAt(file: number, bytes: Buffer, position: number): void {
  if (bytes.length >= HOLE && bytes.equals(NOTHING.subarray(0, bytes.length))) return;
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(file, bytes, at, bytes.length - at, position + at);
  }
}

function refused(problem: string): AwError {
  return new AwError('AW_INVALID_REQUEST', { problem });
}
