/** The line a host printed last, for its row in the live display. */
import { forTerminal } from './control-sequences.ts';

/** How much of an unfinished line is kept to be shown, in bytes. */
const LAST_LINE_LIMIT = 1024;
/** How much of a chunk is looked at: its end. */
const LOOKED_AT = 4 * LAST_LINE_LIMIT;

export interface LastLine {
  push(bytes: Buffer): void;
  /** The last line with something in it, safe to be shown, without colours. */
  text(): string;
}

export function createLastLine(): LastLine {
  let complete = '';
  let partial = '';
  return {
    push(bytes) {
      const text = bytes.subarray(Math.max(0, bytes.length - LOOKED_AT)).toString('latin1');
      const feed = text.lastIndexOf('\n');
      if (feed === -1) {
        if (partial.length < LAST_LINE_LIMIT) partial += text.slice(0, LAST_LINE_LIMIT);
        return;
      }
      // Blank lines are passed over: a lane that goes blank between two lines tells nobody anything.
      const lines = (partial + text.slice(0, feed)).split('\n');
      complete = lines.findLast(line => /[^\s]/.test(line))?.slice(0, LAST_LINE_LIMIT) ?? complete;
      partial = text.slice(feed + 1, feed + 1 + LAST_LINE_LIMIT);
    },
    text() {
      const line = /[^\s]/.test(partial) ? partial : complete;
      return forTerminal(line, { active: '' }, false).replaceAll('\t', ' ').trim();
    },
  };
}
