/** The service's own bounds. Bytes and milliseconds. Those a client relies on too are in `contract/limits.ts`. */

/** Open connections; each may hold `CLIENT_BYTES` of unsent output. */
export const MAX_CONNECTIONS = 1000;
/** The largest body of a request that is not an ingest. */
export const MAX_BODY = 64 * 1024;
/** A request has to arrive within this. */
export const REQUEST_TIMEOUT = 60_000;
/** A connection on which nothing moves for this long is dropped. Event streams move at every heartbeat. */
export const IDLE_TIMEOUT = 120_000;
/** At shutdown, what has not ended by itself within this is cut off. */
export const CLOSE_GRACE = 500;

/** How much a live stream's client may have unsent before it is cut off as too slow: */
export const CLIENT_EVENTS = 1000;
export const CLIENT_BYTES = 1024 * 1024;
/** A client that is being sent stored events and takes none of them for this long is cut off. */
export const STALL_TIMEOUT = 60_000;
/** How long a client that was cut off has to take what is already on its way. */
export const CUT_GRACE = 5000;

/** Stored events are read from the database in pages of about this size (one event more at most). */
export const PAGE_BYTES = 256 * 1024;
export const PAGE_EVENTS = 1000;
/** Rows looked at in one go when logs are filtered. */
export const SCAN_EVENTS = 4096;

/** The newest sessions, and the followers, that a list shows. */
export const MAX_LISTED = 1000;
/** How long a token of one session and host is good for. */
export const TOKEN_LIFETIME = 24 * 60 * 60 * 1000;
/** The shortest admin key accepted, in characters. */
export const MIN_KEY_LENGTH = 16;
