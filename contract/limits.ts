/** The bounds that both ends of a wire rely on. Bytes and milliseconds. */

/** The longest NDJSON line either side accepts. A `hostLog` carries at most `LOG_CHUNK` raw bytes, so stays far below. */
export const MAX_LINE = 4 * 1024 * 1024;
/** The most raw output bytes in one `hostLog`. */
export const LOG_CHUNK = 64 * 1024;
/** The largest body of a request to a follower. */
export const MAX_RUN_REQUEST = 16 * 1024 * 1024;
/** The largest body of one ingest request. */
export const MAX_INGEST = 8 * 1024 * 1024;
/** The most events in one ingest request. */
export const MAX_INGEST_EVENTS = 10_000;
/** How far a run's output may be ahead of its slowest attached reader before the child is made to wait. */
export const READER_WINDOW = 8 * 1024 * 1024;
/** The default cap of one run's journal. */
export const DEFAULT_LOG_LIMIT = 8 * 1024 * 1024 * 1024;

/** A file of a tree from this size on is sent in chunks, where the follower has something like it. */
export const LARGE_FILE = 1024 * 1024;
/** The average length of a chunk as a power of two, at the least and at the most; the longest is four times as long. */
export const CHUNK_BITS = { least: 16, most: 20 } as const;
export const LARGEST_CHUNK = 4 * 2 ** CHUNK_BITS.most;
/** The most chunks of one file: what both sides can hold of it, and what one line can say. */
export const MOST_CHUNKS = 50_000;
