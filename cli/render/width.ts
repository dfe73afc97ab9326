/** Text cut to the columns it may take. */
import stringWidth from 'string-width';

const segmenter = new Intl.Segmenter();

/** `text` (no control characters) in at most `columns` columns; a cut is shown by an ellipsis. */
export function truncate(text: string, columns: number): string {
  if (columns <= 0) return '';
  // No character is narrower than nothing: a text far longer than the row need not be measured to its end.
  const candidate = text.slice(0, columns * 8 + 64);
  if (candidate.length === text.length && measure(candidate) <= columns) return text;
  let result = '';
  let used = 0;
  for (const { segment } of segmenter.segment(candidate)) {
    const width = measure(segment);
    if (used + width > columns - 1) break;
    result += segment;
    used += width;
  }
  return `${result}…`;
}

function measure(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}
