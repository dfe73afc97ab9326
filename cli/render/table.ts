/** Columns of plain text. */
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

/** Lines of left-aligned columns under a dim header; the last column is not padded. Cells become one row each. */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string[] {
  const cells = rows.map(row => row.map(printable));
  const widths = header.map((title, column) =>
    Math.max(title.length, ...cells.map(row => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [paint('dim', line(header)), ...cells.map(line)];
}
