/** Random arguments, mostly of what some shell, parser or code page treats specially. */
import fc from 'fast-check';
import { batchRepresentable, representable } from './vectors.ts';

const SPECIAL = [
  ...' \t"\'`$\\%!^&|<>(){}[]*?~#=;,:@+-/.',
  ...'\x01\x07\b\x1b\x7f\u0085\u00a0\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u2013\u2014\u2015\u2028\ufeff',
  '\u0301',
  '\uf601',
  '\ufdd0',
  '😀',
];
const LETTERS = [...'abcdnxA01'];

function text(special: readonly string[]): fc.Arbitrary<string> {
  const unit = fc.oneof(
    { arbitrary: fc.constantFrom(...special), weight: 6 },
    { arbitrary: fc.constantFrom(...LETTERS), weight: 3 },
    { arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), weight: 1 },
  );
  return fc.string({ unit, maxLength: 12 });
}

function argument(vectors: readonly string[], special: readonly string[]): fc.Arbitrary<string> {
  const vector = fc.constantFrom(...vectors);
  const backslashes = fc.nat(4).map(count => '\\'.repeat(count));
  return fc.oneof(
    { arbitrary: text(special), weight: 6 },
    { arbitrary: vector, weight: 1 },
    { arbitrary: fc.tuple(vector, vector).map(([a, b]) => a + b), weight: 1 },
    {
      arbitrary: fc
        .tuple(text(special), backslashes, fc.constantFrom('', '"', '"x', ' '))
        .map(parts => parts.join('')),
      weight: 2,
    },
    {
      arbitrary: fc
        .tuple(fc.constantFrom('-', '--', '/', '@', '~', '=', '%', 'C:', 'C:\\', '\\\\s\\'), text(special))
        .map(([a, b]) => a + b),
      weight: 2,
    },
  );
}

/** Any argument an operating system can carry, line breaks included. */
export const anyArgument = argument(representable, [...SPECIAL, '\n', '\r']).filter(isCarried);

/** Any argument a batch file can receive. */
export const batchArgument = argument(batchRepresentable, SPECIAL).filter(
  value => isCarried(value) && !/[\r\n]/.test(value),
);

export const anyArguments = fc.array(anyArgument, { maxLength: 8 });
export const batchArguments = fc.array(batchArgument, { maxLength: 8 });

function isCarried(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}
