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
  /** As `push`, with lines that came together left together: a `text` may then be several lines, line feeds between them. */
  pushBlocks(chunk: string): Line[];
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

  function take(text: string, lines: Line[]): void {
    lines.push({ text: text.length > limit ? cutLong(text, lines) : text, continued });
    continued = false;
  }

  function pushBlocks(chunk: string): Line[] {
    const lines: Line[] = [];
    const first = chunk.indexOf('\n');
    const last = first === -1 ? -1 : chunk.lastIndexOf('\n');
    if (first !== -1) take(held + chunk.slice(0, first), lines);
    if (last > first) {
      const between = chunk.slice(first + 1, last);
      if (between.length <= limit) take(between, lines);
      else for (const text of between.split('\n')) take(text, lines);
    }
    held = first === -1 ? held + chunk : chunk.slice(last + 1);
    if (held.length > limit) held = cutLong(held, lines);
    return lines;
  }

  return {
    pushBlocks,
    push: chunk =>
      pushBlocks(chunk).flatMap(({ text, continued: isRest }) =>
        text.split('\n').map(line => ({ text: line, continued: isRest })),
      ),
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
