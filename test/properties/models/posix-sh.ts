/** How a POSIX shell reads words of single quotes and backslashes. Anything that could expand or end the command throws. */
export function parsePosix(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (char === ' ' || char === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) throw new Error(`unclosed quote at ${at}`);
      word = (word ?? '') + line.slice(at + 1, end);
      at = end;
    } else if (char === '\\') {
      const next = line[++at];
      if (next === undefined || next === '\n') throw new Error('a continued line');
      word = (word ?? '') + next;
    } else if (/[\w./-]/.test(char)) word = (word ?? '') + char;
    else throw new Error(`bare ${JSON.stringify(char)} at ${at}`);
  }
  if (word !== undefined) words.push(word);
  return words;
}
