/** How fish reads words in single quotes, where a backslash escapes a backslash or a quote and is itself before others. */
export function parseFish(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (char === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "'") {
      word ??= '';
      for (at++; line[at] !== "'"; at++) {
        if (at >= line.length) throw new Error('unclosed quote');
        if (line[at] === '\\' && (line[at + 1] === '\\' || line[at + 1] === "'")) at++;
        word += line[at];
      }
    } else if (/[\w./-]/.test(char)) word = (word ?? '') + char;
    else throw new Error(`bare ${JSON.stringify(char)} at ${at}`);
  }
  if (word !== undefined) words.push(word);
  return words;
}
