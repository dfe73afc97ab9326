/** Splits one stream of a host into lines, whatever the borders of its chunks. */

/** The longest line kept together, in bytes. */
export const LINE_LIMIT = 64 * 1024;

export interface Line {
  /** One character per byte (latin1), without the line feed. */
  text: string;
  /** True for the rest of a line that was too long to wait for its end. */
  continued: boolean;
}

export interface LineSplitter {
  /** The lines that `chunk` (one character per byte) completes. */
  push(chunk: string): Line[];
  /** The line without a line feed at the end of the stream, if there is one. */
  end(): Line[];
}

/**
 * At most `limit` bytes are held back. A longer line is handed out in pieces of `limit` bytes, or up to three bytes
 * less so that no UTF-8 code point is cut; where the pieces end depends on the bytes alone.
 */
export function createLineSplitter(limit = LINE_LIMIT): LineSplitter {
  let held = '';
  let continued = false;

  function cutLong(text: string, lines: Line[]): string {
    let rest = text;
    while (rest.length > limit) {
      const size = wholeCodePoints(rest, limit);
      lines.push({ text: rest.slice(0, size), continued });
      continued = true;
      rest = rest.slice(size);
    }
    return rest;
  }

  return {
    push(chunk) {
      const lines: Line[] = [];
      let start = 0;
      for (let feed = chunk.indexOf('\n'); feed !== -1; feed = chunk.indexOf('\n', start)) {
        const text = start === 0 ? held + chunk.slice(0, feed) : chunk.slice(start, feed);
        lines.push({ text: text.length > limit ? cutLong(text, lines) : text, continued });
        continued = false;
        start = feed + 1;
      }
      held = start === 0 ? held + chunk : chunk.slice(start);
      if (held.length > limit) held = cutLong(held, lines);
      return lines;
    },
    end() {
      const lines = held === '' ? [] : [{ text: held, continued }];
      held = '';
      continued = false;
      return lines;
    },
  };
}

/** The largest size up to `limit` that does not cut a UTF-8 sequence of `bytes`; `limit` where they are not UTF-8. */
function wholeCodePoints(bytes: string, limit: number): number {
  for (let back = 0; back <= 3 && back < limit; back++) {
    const code = bytes.charCodeAt(limit - back);
    if (code < 0x80 || code >= 0xc0) return limit - back;
  }
  return limit;
}
