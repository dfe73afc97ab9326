/** Every quoter against a reader of its own, written from the reader's rules: what is read is what was quoted. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  quoteBatch,
  quoteCrt,
  quoteFish,
  quoteMsys,
  quotePosix,
  renderCommand,
} from '../../follower/adapters/index.ts';
import { anyArgument, anyArguments, batchArgument, batchArguments } from './arbitraries.ts';
import { batchArgumentsOf } from './models/cmd.ts';
import { parseCrt, parseCrtArguments } from './models/crt.ts';
import { parseCygwin } from './models/cygwin.ts';
import { parseFish } from './models/fish.ts';
import { parsePosix } from './models/posix-sh.ts';
import { batchRepresentable, representable } from './vectors.ts';

const runs = { numRuns: 3000 };

interface Reader {
  name: string;
  quote: (argument: string) => string;
  /** The arguments in a line of quoted words. */
  read: (words: string) => string[];
  vectors: readonly string[];
  arbitrary: fc.Arbitrary<string[]>;
}

const everything = { vectors: representable, arbitrary: anyArguments };
const readers: Reader[] = [
  { name: 'a POSIX shell', quote: quotePosix, read: parsePosix, ...everything },
  { name: 'fish', quote: quoteFish, read: parseFish, ...everything },
  { name: 'the C runtime', quote: quoteCrt, read: parseCrtArguments, ...everything },
  {
    name: 'Git for Windows',
    quote: quoteMsys,
    read: words => parseCygwin(`"x y" ${words}`, false).slice(1),
    ...everything,
  },
  {
    name: 'Cygwin',
    quote: quoteMsys,
    read: words => parseCygwin(`"x y" ${words}`, true).slice(1),
    ...everything,
  },
  {
    name: 'cmd.exe, a batch file and the C runtime in turn',
    quote: quoteBatch,
    read: words => parseCrtArguments(batchArgumentsOf(`"C:\\a b\\tool.cmd" ${words}`).rest),
    vectors: batchRepresentable,
    arbitrary: batchArguments,
  },
];

describe.each(readers)('$name', ({ quote, read, vectors, arbitrary }) => {
  test.each(vectors.map(vector => [vector]))('%j alone', vector => {
    expect(read(quote(vector))).toEqual([vector]);
  });

  test('all vectors in one line', () => {
    expect(read(vectors.map(quote).join(' '))).toEqual(vectors);
  });

  test('any arguments', () => {
    fc.assert(
      fc.property(arbitrary, args => {
        expect(read(args.map(quote).join(' '))).toEqual(args);
      }),
      runs,
    );
  });
});

test('a program name with blanks is read back by the C runtime', () => {
  expect(parseCrt(['C:\\a b\\x.exe', 'y z'].map(quoteCrt).join(' '))).toEqual(['C:\\a b\\x.exe', 'y z']);
});

test("POSIX quoting is one shape: single quotes, each inner one as '\\''", () => {
  fc.assert(
    fc.property(anyArgument, value => {
      expect(quotePosix(value)).toMatch(/^'(?:[^']|'\\'')*'$/);
    }),
    runs,
  );
});

test('a batch argument never holds a line break', () => {
  fc.assert(
    fc.property(batchArgument, value => {
      expect(quoteBatch(value)).not.toMatch(/[\0\r\n]/);
    }),
    runs,
  );
});

test('quoting for one shell within another is undone layer by layer', () => {
  fc.assert(
    fc.property(anyArguments, args => {
      const inner = args.map(quoteFish).join(' ');
      const [seen] = parsePosix(quotePosix(inner));
      expect(parseFish(seen!)).toEqual(args);
    }),
    runs,
  );
});

test('rendered commands keep plain words bare and quote a first word that is syntax', () => {
  expect(renderCommand(['npm', 'run', 'a b', "it's", ''], 'posix')).toBe("npm run 'a b' 'it'\\''s' ''");
  expect(renderCommand(['if', 'if'], 'posix')).toBe("'if' if");
  expect(renderCommand(['x', "it's\\"], 'fish')).toBe("x 'it\\'s\\\\'");
  expect(renderCommand(['x', '100%', 'a"b'], 'cmd')).toBe('x "100%%cd:~,%" "a""b"');
  expect(renderCommand(['x', 'a\\"b c\\'], 'crt')).toBe('x "a\\\\\\"b c\\\\"');
});

describe('the readers see what careless quoting does', () => {
  test('cmd.exe expands variables and runs what stands behind an open quote', () => {
    expect(batchArgumentsOf('"C:\\t.cmd" "%PATH%"').rest).toBe('"<PATH expanded>"');
    expect(() => batchArgumentsOf('"C:\\t.cmd" "a\\"&echo PWN>pwn.txt&\\"b"')).toThrow(/operator &/);
  });
  test('Cygwin expands what is not quoted and keeps doubled backslashes of a drive', () => {
    expect(() => parseCygwin('x *.js', true)).toThrow(/pattern/);
    expect(() => parseCygwin('x @file', true)).toThrow(/file is read/);
    expect(parseCygwin('x "C:\\\\d\\\\"', true)).toEqual(['x', 'C:\\\\d\\\\']);
  });
  test('POSIX shells and fish expand what is not quoted', () => {
    expect(() => parsePosix('a $HOME')).toThrow(/bare/);
    expect(() => parseFish('a (id)')).toThrow(/bare/);
  });
});
