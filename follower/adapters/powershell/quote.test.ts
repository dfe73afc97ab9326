import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundArguments, plainArguments, quotePowerShell } from './quote.ts';

/** A word of a PowerShell command in argument mode, as its tokenizer reads it. */
type Word = { name: string; colon: boolean } | { literal: string };

const isQuote = (char: string) => /['\u2018\u2019\u201a\u201b]/.test(char);
const isDash = (char: string) => /[-\u2013\u2014\u2015]/.test(char);
const isSpace = (char: string) => /[\t\v\f \u0085\u00a0]|\p{Z}/u.test(char);

/**
 * The part of the tokenizer that these words can reach, written from the language's rules and not from the quoter. Fails on
 * anything else, such as a bare word that is no parameter.
 */
function tokenize(line: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  const literal = () => {
    let text = '';
    at++;
    while (at < line.length) {
      if (!isQuote(line[at]!)) text += line[at++];
      else if (at + 1 < line.length && isQuote(line[at + 1]!)) {
        // Two quotes in a row stand for one, which is the second.
        text += line[at + 1];
        at += 2;
      } else {
        at++;
        return text;
      }
    }
    throw new Error(`unterminated: ${line}`);
  };
  while (at < line.length) {
    if (isSpace(line[at]!)) at++;
    else if (isQuote(line[at]!)) words.push({ literal: literal() });
    else if (isDash(line[at]!) && /[\p{L}_]/u.test(line.charAt(at + 1))) {
      const start = at;
      while (at < line.length && !isSpace(line[at]!) && !/[:'"`$(){};,|&.[\]]/.test(line[at]!)) at++;
      const colon = line[at] === ':';
      words.push({ name: line.slice(start, at), colon });
      if (colon) at++;
      if (/^\$(?:true|false)(?= |$)/i.test(line.slice(at))) {
        const [value] = /^\$\w+/.exec(line.slice(at))!;
        words.push({ literal: value });
        at += value.length;
      }
    } else throw new Error(`a bare word at ${at} of ${JSON.stringify(line)}`);
  }
  return words;
}

const special = fc.constantFrom(
  ...'\'\u2018\u2019\u201a\u201b"\u201c\u201d\u201e-\u2013\u2014\u2015`$@%&|;,:.(){}[]<>#~!*?^=\\/ \t\r\n\v\f\u0001\u001b\u0085\u00a0\u2028\ufeff',
);
const argument = fc.oneof(
  fc.string({
    unit: fc.oneof({ weight: 6, arbitrary: special }, fc.string({ unit: 'binary', maxLength: 1 })),
  }),
  fc
    .tuple(fc.constantFrom('-', '--', '-x', '-x:', '-Path:', '`-x', '``-x', '\u2013x', '-1'), fc.string())
    .map(parts => parts.join('')),
);
const wellFormed = argument.filter(text => text.isWellFormed() && !text.includes('\0'));

/** As a person gives it so that it is data whatever it looks like. */
const asData = (text: string) => (/^`*-[\p{L}_]/u.test(text) ? `\`${text}` : text);

describe('a literal', () => {
  test('is read back by the tokenizer', () => {
    fc.assert(
      fc.property(wellFormed, text => {
        expect(tokenize(quotePowerShell(text))).toEqual([{ literal: text }]);
      }),
      { numRuns: 3000 },
    );
  });

  test('doubles each kind of quote with itself', () => {
    expect(quotePowerShell("a'b\u2018\u2019c")).toBe("'a''b\u2018\u2018\u2019\u2019c'");
  });
});

describe('arguments for declared parameters', () => {
  test.each([
    [
      ['-Recurse', '-Path', 'x y'],
      ['-Recurse', '-Path', "'x y'"],
    ],
    [['-Path:x y'], ["-Path:'x y'"]],
    [
      ['-Path:', '-weird', 'z'],
      ["-Path:'-weird'", "'z'"],
    ],
    [
      ['-Recurse:$false', '-Force:', '$TRUE'],
      ['-Recurse:$false', '-Force:$TRUE'],
    ],
    [['-Name:true'], ["-Name:'true'"]],
    [['-Name:$x'], ["-Name:'$x'"]],
    [['-Path:a\nb'], ["-Path:'a\nb'"]],
    [
      ['-Größe', '3'],
      ['-Größe', "'3'"],
    ],
    [
      ['last', '-Name:'],
      ["'last'", "'-Name:'"],
    ],
    [
      ['-', '--', '--%', '-1', '-x.y', '-?', '\u2013Path'],
      ["'-'", "'--'", "'--%'", "'-1'", "'-x.y'", "'-?'", "'\u2013Path'"],
    ],
    [
      ['`-Recurse', '``-Recurse', '`-N:v', '`x', '`-1'],
      ["'-Recurse'", "'`-Recurse'", "'-N:v'", "'`x'", "'`-1'"],
    ],
  ])('%j', (args, words) => {
    expect(boundArguments(args)).toEqual(words);
  });

  test('data comes back as literals, whatever it looks like', () => {
    fc.assert(
      fc.property(fc.array(wellFormed), args => {
        const words = tokenize(boundArguments(args.map(asData)).join(' '));
        expect(words).toEqual(args.map(literal => ({ literal })));
      }),
      { numRuns: 1000 },
    );
  });

  test('nothing but parameter names and their switch values ever stands bare', () => {
    fc.assert(
      fc.property(fc.array(wellFormed), args => {
        tokenize(boundArguments(args).join(' '));
      }),
      { numRuns: 1000 },
    );
  });
});

test('arguments for $args keep every string, and names as names', () => {
  fc.assert(
    fc.property(fc.array(wellFormed.filter(text => !/^`+-[\p{L}_]/u.test(text))), args => {
      const words = tokenize(plainArguments(args).join(' '));
      expect(words.map(word => ('name' in word ? word.name : word.literal))).toEqual(args);
      expect(words.some(word => 'name' in word && word.colon)).toBe(false);
    }),
    { numRuns: 1000 },
  );
});
