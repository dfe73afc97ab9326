/**
 * Bodies that are compressed on the way (zstd, RFC 8878). What does not become smaller is passed on as it is, block by block,
 * by the format itself.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
// As a whole: an older Node does not have all of it.
import zlib from 'node:zlib';
import { AwError } from '../contract/errors.ts';
import { blame } from './blame.ts';

/** In `content-encoding`, and among what a follower `knows`. */
export const ZSTD = 'zstd';

/** The quickest one: this machine has other hosts to serve. */
const LEVEL = 1;
/** Of the window that a peer may ask for, as a power of two: 8 MiB, which RFC 8878 wants everybody to have. */
const WINDOW = 23;
/** Bytes. */
const PORTION = 64 * 1024;

/** Node has it from 22.15 on. */
export function knowsZstd(): boolean {
  return typeof zlib.createZstdDecompress === 'function';
}

/** What `source` throws comes out of it. */
export function compressed(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Readable {
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: LEVEL };
  const compress = zlib.createZstdCompress({ chunkSize: PORTION, params });
  pipeline(Readable.from(source, { objectMode: false }), compress).catch(() => {});
  return compress;
}

/**
 * However much it becomes, no more than a window and a portion is held at a time: what is too much is for its reader to say.
 * @throws AW_INVALID_REQUEST when it is not zstd, or not all of it; what `source` throws
 */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: WINDOW };
  const decompress = zlib.createZstdDecompress({ chunkSize: PORTION, params });
  const { source: watched, failure } = blame(source);
  pipeline(Readable.from(watched, { objectMode: false }), decompress).catch(() => {});
  try {
    yield* decompress as AsyncIterable<Buffer>;
  } catch (error) {
    if (failure() !== undefined) throw failure();
    throw new AwError('AW_INVALID_REQUEST', { problem: 'the body is no zstd' }, { cause: error });
  }
}
