/**
 * How the Microsoft C runtime (2008 and later) splits a command line, from its documented rules: blanks outside quotes
 * separate; 2n backslashes before a quote are n backslashes and a quote that toggles; 2n+1 are n and a literal quote;
 * two quotes within quotes are one; other backslashes are themselves. The program's own name knows no escapes.
 */
export function parseCrt(line: string): string[] {
  const name = /^(?:"([^"]*)"|([^ \t]*))/.exec(line)!;
  return [name[1] ?? name[2] ?? '', ...parseCrtArguments(line.slice(name[0].length))];
}

export function parseCrtArguments(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let inQuotes = false;
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    if (!inQuotes && (char === ' ' || char === '\t')) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
      continue;
    }
    word ??= '';
    let slashes = 0;
    while (text[at + slashes] === '\\') slashes++;
    at += slashes;
    if (text[at] !== '"') {
      word += '\\'.repeat(slashes);
      if (slashes === 0) word += text[at++];
      continue;
    }
    word += '\\'.repeat(slashes >> 1);
    if (slashes % 2 === 1) {
      word += '"';
      at++;
    } else if (inQuotes && text[at + 1] === '"') {
      word += '"';
      at += 2;
    } else {
      inQuotes = !inQuotes;
      at++;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
