/**
 * The command line of an ordinary Windows program: the C runtime splits it at spaces and tabs, and counts backslashes
 * only where a quote follows them.
 */

/** One argument as the C runtime (2008 and later), .NET and Rust read it back; bare when it needs no quotes. */
export function quoteCrt(argument: string): string {
  return argument !== '' && !/[ \t"]/.test(argument) ? argument : forceQuoteCrt(argument);
}

/** The joined line as libuv builds it, so also what its length is measured on. */
export function crtLine(words: readonly string[]): string {
  return words.map(quoteCrt).join(' ');
}

/** Text for between quotes: backslashes doubled where a quote, or the end, follows them. Its quotes are still to be escaped. */
export function doubleBackslashes(text: string): string {
  return text.replace(/(?<!\\)(\\+)(?="|$)/g, '$1$1');
}

function forceQuoteCrt(argument: string): string {
  return `"${doubleBackslashes(argument).replaceAll('"', '\\"')}"`;
}
