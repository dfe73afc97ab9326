/**
 * How the Cygwin and MSYS2 runtimes split the command line of a program that a native program started: first into words,
 * then each word through a file name pattern whose quoted characters are literal.
 *
 * `keepsDosPaths`: Cygwin and MSYS2 leave backslashes alone in a word that starts like `C:` or `\\share\`, quoted or not;
 * the runtime of Git for Windows does not.
 */
export function parseCygwin(line: string, keepsDosPaths: boolean): string[] {
  return split(line).map((word, index) =>
    index === 0 ? word.replaceAll('"', '') : unquote(word, keepsDosPaths),
  );
}

const BLANK = /[ \t\r\n]/;

function split(line: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (BLANK.test(line[at]!)) {
      at++;
      continue;
    }
    let word = '';
    while (at < line.length && !BLANK.test(line[at]!)) {
      const char = line[at]!;
      if (char !== '"' && !(char === "'" && words.length > 0)) {
        word += char;
        at++;
        continue;
      }
      const end = words.length === 0 ? line.indexOf('"', at + 1) : endOfQuote(line, at);
      if (end < 0) throw new Error(`unclosed ${char} at ${at}`);
      word += line.slice(at, end + 1);
      at = end + 1;
    }
    if (word.startsWith('@') && words.length > 0) throw new Error(`a file is read in: ${word}`);
    words.push(word);
  }
  return words;
}

/** Where the quote opened at `start` closes. Only a double quote can be escaped, by a backslash or by another one. */
function endOfQuote(line: string, start: number): number {
  const quote = line[start]!;
  for (let at = start + 1; at < line.length; at++) {
    if (quote === '"' && line[at] === '\\') at++;
    else if (quote === '"' && line[at] === '"' && line[at + 1] === '"')
      throw new Error('a doubled quote: its meaning differs between runtimes');
    else if (line[at] === quote) return at;
  }
  return -1;
}

function unquote(word: string, keepsDosPaths: boolean): string {
  const dos = keepsDosPaths && (isDosPath(word) || (/^["']../s.test(word) && isDosPath(word.slice(1))));
  let result = '';
  for (let at = 0; at < word.length; at++) {
    const quote = word[at]!;
    if (quote !== '"' && quote !== "'") {
      if ('*?[]{}~'.includes(quote)) throw new Error(`a pattern: ${quote} in ${word}`);
      result += quote;
      continue;
    }
    for (at++; word[at] !== quote; at++) {
      if (at >= word.length) throw new Error(`unclosed ${quote} in ${word}`);
      if (!dos && word[at] === '\\' && (word[at + 1] === quote || word[at + 1] === '\\')) at++;
      result += word[at];
    }
  }
  return result;
}

function isDosPath(text: string): boolean {
  return /^[a-z]:/i.test(text) || /^\\\\[a-z].*\\/is.test(text);
}
