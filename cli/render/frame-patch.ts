/** What to write to a terminal so that it shows other rows than before. Pure. */
import stringWidth from 'string-width';

/** The rows a terminal shows, the cursor being at the start of the row below them. */
export interface Shown {
  rows: readonly string[];
  columns: number;
  /** Of the window. */
  height: number;
}

const CLEAR_BELOW = '\x1b[J';
/** Terminals that know these show what stands in between at once; others pass over them. */
const [BEGIN, END] = ['\x1b[?2026h', '\x1b[?2026l'];

/** Empty when there is nothing to do. Only rows that differ are written, unless the window has changed. */
export function framePatch(before: Shown, after: Shown): string {
  if (before.columns !== after.columns || before.height !== after.height) {
    return together(erase(before, after.columns) + lines(after.rows));
  }
  const isSame =
    before.rows.length === after.rows.length && after.rows.every((row, i) => row === before.rows[i]);
  if (isSame) return '';
  const changed = after.rows.map((row, index) => (row === before.rows[index] ? '\n' : `${row}\x1b[K\n`));
  return together(`${up(before.rows.length)}${changed.join('')}${CLEAR_BELOW}`);
}

/** Writes `text` above the rows, which stay where they are or move down. */
export function persistPatch(shown: Shown, columns: number, text: string): string {
  return together(`${erase(shown, columns)}${text}\n${lines(shown.rows)}`);
}

/** Takes the rows away. */
export function erasePatch(shown: Shown, columns: number): string {
  return together(erase(shown, columns));
}

/** A window that became narrower has wrapped the rows, so that they take up more of them. */
function erase({ rows }: Shown, columns: number): string {
  const height = rows.reduce((sum, row) => sum + Math.max(1, Math.ceil(stringWidth(row) / columns)), 0);
  return `${up(height)}${CLEAR_BELOW}`;
}

function up(count: number): string {
  return count === 0 ? '\r' : `\r\x1b[${count}A`;
}

function lines(rows: readonly string[]): string {
  return rows.map(row => `${row}\n`).join('');
}

function together(text: string): string {
  return `${BEGIN}${text}${END}`;
}
