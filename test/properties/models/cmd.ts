/**
 * What cmd.exe makes of a line, in its first two phases: percent expansion, then the split into commands, where quotes
 * toggle and a caret escapes. Delayed expansion is off.
 */

/** Variables the model knows; anything that reaches one of them is a failure the tests see. */
const VARIABLES: Readonly<Record<string, string>> = {
  PATH: '<PATH expanded>',
  A: '<a expanded>',
  X: '<x expanded>',
  CD: 'C:\\work dir',
  N: '<n expanded>',
};

/** The line after percent expansion, as at the prompt or behind `/c`: an unknown name leaves its percent sign. */
export function expandPercent(line: string): string {
  let result = '';
  let at = 0;
  while (at < line.length) {
    const expansion = line[at] === '%' ? /^%([^%:]+)(?::~(-?\d*),(-?\d*))?%/.exec(line.slice(at)) : null;
    const value = expansion === null ? undefined : VARIABLES[expansion[1]!.toUpperCase()];
    if (expansion === null || value === undefined) {
      result += line[at++];
      continue;
    }
    const [whole, , start, length] = expansion;
    result += length === undefined ? value : value.substring(Number(start), Number(start) + Number(length));
    at += whole.length;
  }
  return result;
}

/** The one simple command in the line, carets resolved. Throws when the line holds an operator or ends early. */
export function simpleCommand(line: string): string {
  let inQuotes = false;
  let result = '';
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (char === '\n' || char === '\r') throw new Error(`the line ends at ${at}: ${line}`);
    if (char === '"') inQuotes = !inQuotes;
    else if (!inQuotes && '&|<>()'.includes(char)) throw new Error(`the operator ${char} at ${at}: ${line}`);
    else if (!inQuotes && char === '^') {
      result += line[++at] ?? '';
      continue;
    }
    result += char;
  }
  return result;
}

/** The text behind `/c` without the outer quotes that `/s` takes off. */
export function stripOuterQuotes(text: string): string {
  const match = /^"(.*)"$/s.exec(text);
  if (match === null) throw new Error(`no outer quotes: ${text}`);
  return match[1]!;
}

/**
 * What a batch file `@program %*` started by `line` gives its program: the raw text behind the batch file's name goes
 * through the second phase once more (percent signs are not read again).
 */
export function batchArgumentsOf(line: string): { script: string; rest: string } {
  const command = simpleCommand(expandPercent(line));
  const match = /^"([^"]*)"(?: (.*))?$/s.exec(command);
  if (match === null) throw new Error(`no quoted batch file: ${command}`);
  return { script: match[1]!, rest: simpleCommand(match[2] ?? '') };
}
