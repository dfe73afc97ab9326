/**
 * Puts a large content together from what is there of it, in a file beside the tree; chunks that are nowhere are to be sent.
 * Nothing is believed but digests: each chunk that is taken has been read and compared, and only the digest of the whole,
 * read once more at the end, makes it that content. A file that is left half-way says the next time how far it had come.
 */
import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import type { Missing, Recipe } from '../../contract/trees.ts';
import { chunksOf } from './chunks.ts';
import { PathError } from './safe-path.ts';
import { PLAIN_MODE } from './staging.ts';
import { writeAt } from './write-at.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/** A chunk, and everywhere it has to be. */
export interface Chunk {
  index: number;
  length: number;
  offsets: number[];
}

export interface Assembly {
  recipe: Recipe;
  /** In which order they are to be sent. */
  missing: readonly Chunk[];
  /** What it is put together in. */
  part: string;
}

/**
 * @param part begun before, or made
 * @param basis a file that may have much of it
 * @param beforeChunk what it throws ends the work
 * @throws the system's error when `part` cannot be written
 */
export function assemble(
  recipe: Recipe,
  part: string,
  basis: string | undefined,
  beforeChunk: () => void,
): Assembly {
  const wanted = chunksByDigest(recipe);
  const file = openPart(part);
  try {
    /** Puts a chunk everywhere but where it comes from. */
    const take = (bytes: Buffer, from?: number) => {
      beforeChunk();
      const digest = hash('sha256', bytes, 'hex');
      const chunk = wanted.get(digest);
      if (chunk?.length !== bytes.length) return;
      for (const offset of chunk.offsets) if (offset !== from) writeAt(file, bytes, offset);
      wanted.delete(digest);
    };
    const { size } = fstatSync(file);
    ftruncateSync(file, recipe.size);
    if (size > 0) takeOwn(recipe, file, size, wanted, take);
    if (basis !== undefined && wanted.size > 0) takeFrom(basis, recipe.bits, take);
    return { recipe, missing: [...wanted.values()], part };
  } finally {
    closeSync(file);
  }
}

/** As a leader is told of them. */
export function missingOf({ recipe: { sha256 }, missing }: Assembly): Missing {
  const ranges: [number, number][] = [];
  for (const { index } of missing) {
    const last = ranges.at(-1);
    if (last?.[1] === index) last[1]++;
    else ranges.push([index, index + 1]);
  }
  return { sha256, ranges };
}

function chunksByDigest({ chunks }: Recipe): Map<string, Chunk> {
  const found = new Map<string, Chunk>();
  let offset = 0;
  for (const [index, [digest, length]] of chunks.entries()) {
    const chunk = found.get(digest);
    if (chunk === undefined) found.set(digest, { index, length, offsets: [offset] });
    else chunk.offsets.push(offset);
    offset += length;
  }
  return found;
}

function openPart(part: string): number {
  const file = openSync(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, PLAIN_MODE);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new PathError('EEXIST', 'something is in the way');
}

/** What stands where it has to be already. */
function takeOwn(
  { chunks }: Recipe,
  file: number,
  size: number,
  wanted: ReadonlyMap<string, Chunk>,
  take: (bytes: Buffer, from: number) => void,
): void {
  const buffer = Buffer.allocUnsafe(chunks.reduce((most, [, length]) => Math.max(most, length), 0));
  let offset = 0;
  for (const [digest, length] of chunks) {
    if (offset >= size) return;
    if (wanted.has(digest) && readSync(file, buffer, 0, length, offset) === length) {
      take(buffer.subarray(0, length), offset);
    }
    offset += length;
  }
}

/** A file that cannot be read has nothing. */
function takeFrom(basis: string, bits: number, take: (bytes: Buffer) => void): void {
  let file: number;
  try {
    file = openSync(basis, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return;
  }
  try {
    if (!fstatSync(file).isFile()) return;
    for (const chunk of chunksOf(into => readSome(file, into), bits)) take(chunk);
  } finally {
    closeSync(file);
  }
}

function readSome(file: number, into: Buffer): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch {
    return 0;
  }
}
