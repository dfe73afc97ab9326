/** A text from elsewhere in one row, without anything that could move the cursor. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ');
}
