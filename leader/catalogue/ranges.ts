/** Numeric ranges in host selectors: `lin-[01-12]`, `rack[1-2]-n[1,4-6]`. */
import { AwError, show } from '../../contract/errors.ts';

/** Far above the thousand hosts of the largest catalogue; keeps `[0-999999999]` from filling the memory. */
const MAX_NAMES = 10_000;

/** Numbers and ranges of them, more than one number in all: anything else in brackets is a glob's character class. */
const numericBrackets = /\[(?!\d+\])(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)\]/;

/**
 * The texts a selector term stands for, in order, at least one. The width of a range's first number is kept: `[08-11]`
 * gives 08 09 10 11, `[8-11]` gives 8 9 10 11.
 * @throws AW_SELECTOR_INVALID
 */
export function expandRanges(term: string): string[] {
  let names = [''];
  let rest = term;
  for (let match = numericBrackets.exec(rest); match !== null; match = numericBrackets.exec(rest)) {
    const before = rest.slice(0, match.index);
    const numbers = match[1]!.split(',').flatMap(part => numbersOf(part, term, names.length));
    if (names.length * numbers.length > MAX_NAMES) throw tooMany(term);
    names = names.flatMap(name => numbers.map(number => name + before + number));
    rest = rest.slice(match.index + match[0].length);
  }
  return names.map(name => name + rest);
}

function numbersOf(part: string, term: string, factor: number): string[] {
  const [first, last = first] = part.split('-') as [string, string?];
  if (first.length > 15 || last.length > 15) throw invalid(term, 'its numbers are too long');
  if (first.startsWith('0') && last.length < first.length) {
    throw invalid(term, `${first} and ${last} do not have the same width`);
  }
  const low = Number(first);
  const high = Number(last);
  if (low > high) throw invalid(term, `the range ${part} runs backwards`);
  if ((high - low + 1) * factor > MAX_NAMES) throw tooMany(term);
  return Array.from({ length: high - low + 1 }, (_, index) =>
    String(low + index).padStart(first.length, '0'),
  );
}

function tooMany(term: string) {
  return invalid(term, `it stands for more than ${MAX_NAMES} names`);
}

function invalid(term: string, problem: string) {
  return new AwError('AW_SELECTOR_INVALID', { selector: show(term), problem });
}
