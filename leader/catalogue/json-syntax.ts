/**
 * Where a text stops being JSON. `JSON.parse` names a position in some of its messages only; a person who edits a file
 * by hand needs it always.
 */

export interface SyntaxProblem {
  /** From 1. */
  line: number;
  /** From 1, in characters. */
  column: number;
  expected: string;
}

/** Undefined when `text` is JSON, by exactly the rules of `JSON.parse`. */
export function findSyntaxProblem(text: string): SyntaxProblem | undefined {
  const failure = scan(text);
  if (failure === undefined) return undefined;
  const before = text.slice(0, failure.offset).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1, expected: failure.expected };
}

interface Failure {
  offset: number;
  expected: string;
}

const space = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const literal = /true|false|null/y;
const stringBody = /(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/** Walks the text with a stack of its own, so that no nesting is too deep. */
function scan(text: string): Failure | undefined {
  const open: ('[' | '{')[] = [];
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return false;
    at = pattern.lastIndex;
    return true;
  };
  const takeCharacter = (character: string): boolean => {
    take(space);
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const takeString = (): Failure | undefined | 'none' => {
    if (!takeCharacter('"')) return 'none';
    take(stringBody);
    if (text[at] !== '"') return { offset: at, expected: stringProblem(text, at) };
    at++;
    return undefined;
  };
  const takeKey = (): Failure | undefined => {
    const key = takeString();
    if (key === 'none') return { offset: at, expected: 'a field name in double quotes' };
    if (key !== undefined) return key;
    return takeCharacter(':') ? undefined : { offset: at, expected: '":" after the field name' };
  };

  for (;;) {
    // A value.
    let complete = true;
    const string = takeString();
    if (string === 'none') {
      if (takeCharacter('{')) {
        if (!takeCharacter('}')) {
          open.push('{');
          const failure = takeKey();
          if (failure !== undefined) return failure;
          complete = false;
        }
      } else if (takeCharacter('[')) {
        if (!takeCharacter(']')) {
          open.push('[');
          complete = false;
        }
      } else if (!take(number) && !take(literal)) {
        return { offset: at, expected: 'a value' };
      }
    } else if (string !== undefined) {
      return string;
    }
    // What may follow it.
    while (complete) {
      const inside = open.at(-1);
      if (inside === undefined) {
        take(space);
        return at === text.length ? undefined : { offset: at, expected: 'the end of the file' };
      }
      const close = inside === '{' ? '}' : ']';
      if (takeCharacter(',')) {
        if (inside === '{') {
          const failure = takeKey();
          if (failure !== undefined) return failure;
        }
        complete = false;
      } else if (takeCharacter(close)) {
        open.pop();
      } else {
        return { offset: at, expected: `"," or "${close}"` };
      }
    }
  }
}

function stringProblem(text: string, at: number): string {
  if (at >= text.length) return 'the closing double quote';
  return text[at] === '\\' ? 'an escape that JSON has' : 'the closing double quote before the line ends';
}
