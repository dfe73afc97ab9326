/**
 * The bytes of two streams in the order they came, as many as fit. Outside the JavaScript heap and without a copy for
 * each chunk: strings that live for a while and are dropped then pile up faster than they are collected.
 */

export type StreamName = 'stdout' | 'stderr';

export interface Piece {
  stream: StreamName;
  /** One character per byte (latin1). */
  text: string;
}

interface Span {
  stream: StreamName;
  length: number;
}

export interface PieceRing {
  /** How many bytes of `stream` can be appended without anything being dropped. */
  room(stream: StreamName): number;
  /** Drops the oldest bytes where there is no room; returns how many, of `bytes` too. */
  append(stream: StreamName, bytes: Buffer): number;
  /** Neighbours of one stream are one piece. */
  pieces(): Piece[];
}

/** What a piece costs beside its bytes, so that streams that take turns byte by byte stay within the limit too. */
const PIECE_COST = 64;
const FIRST_SIZE = 4096;

/** @param limit in bytes, at least a few hundred; memory is taken only as it is needed. */
export function createPieceRing(limit: number): PieceRing {
  let ring = Buffer.alloc(0);
  let start = 0;
  let used = 0;
  let spans: Span[] = [];
  let firstSpan = 0;

  function room(stream: StreamName): number {
    const another = spans.length > firstSpan && spans.at(-1)!.stream === stream ? 0 : 1;
    return limit - used - (spans.length - firstSpan + another) * PIECE_COST;
  }

  /** `length` bytes from `offset` after the oldest one. */
  function read(offset: number, length: number): Buffer {
    const from = (start + offset) % (ring.length || 1);
    const straight = ring.subarray(from, Math.min(ring.length, from + length));
    return straight.length === length
      ? straight
      : Buffer.concat([straight, ring.subarray(0, length - straight.length)]);
  }

  function drop(count: number): void {
    start = (start + count) % (ring.length || 1);
    used -= count;
    for (let rest = count; rest > 0; ) {
      const span = spans[firstSpan]!;
      const taken = Math.min(rest, span.length);
      span.length -= taken;
      rest -= taken;
      if (span.length === 0) firstSpan += 1;
    }
    // The slots go in one move now and then, not one by one.
    if (firstSpan > 1024 && firstSpan > spans.length / 2) {
      spans = spans.slice(firstSpan);
      firstSpan = 0;
    }
  }

  function reserve(more: number): void {
    if (used + more <= ring.length) return;
    // In two or three steps to its full size: what is outgrown is not collected at once.
    const size = used + more > limit / 8 ? limit : Math.max(2 * ring.length, used + more, FIRST_SIZE);
    const bigger = Buffer.allocUnsafeSlow(Math.min(limit, size));
    read(0, used).copy(bigger);
    ring = bigger;
    start = 0;
  }

  return {
    room,
    append(stream, bytes) {
      const kept = bytes.subarray(Math.max(0, bytes.length - (limit - PIECE_COST)));
      let dropped = bytes.length - kept.length;
      for (let lack = kept.length - room(stream); lack > 0 && used > 0; lack = kept.length - room(stream)) {
        const oldest = Math.min(lack, spans[firstSpan]!.length);
        drop(oldest);
        dropped += oldest;
      }
      reserve(kept.length);
      const at = (start + used) % ring.length;
      const straight = kept.copy(ring, at);
      kept.copy(ring, 0, straight);
      used += kept.length;
      const last = spans.length > firstSpan ? spans.at(-1) : undefined;
      if (last?.stream === stream) last.length += kept.length;
      else spans.push({ stream, length: kept.length });
      return dropped;
    },
    pieces() {
      let offset = 0;
      return spans.slice(firstSpan).map(({ stream, length }) => {
        const text = read(offset, length).toString('latin1');
        offset += length;
        return { stream, text };
      });
    },
  };
}
