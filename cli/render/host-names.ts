/** Many host names in few characters: `lin-[01-47],mac-1`. */

/** Longer numbers are text: a selector does not take them as numbers either. */
const NUMBER = /(?<!\d)(\d{1,15})(?!\d)/;

/**
 * The names as a selector: pasted after `--host` it stands for exactly these hosts (leader/catalogue/ranges.ts reads
 * it). Names that differ in one number are joined, number by number from the right, so `r[1-2]-n[1-4]` is written only
 * where all eight are there. In the order of the names; the numbers in a bracket ascend.
 */
export function foldNames(names: readonly string[]): string {
  // Split by one captured group: texts at the even places, numbers at the odd ones.
  let parts = [...new Set(names)].map(name => name.split(NUMBER));
  const longest = Math.max(0, ...parts.map(part => part.length));
  for (let place = longest - 1; place > 0; place--) {
    if (place % 2 === 1) parts = joinAt(parts, place);
  }
  return parts.map(part => part.join('')).join(',');
}

/** Joins the names that are equal but for the number at `place`. */
function joinAt(parts: readonly string[][], place: number): string[][] {
  const alike = new Map<string, { part: string[]; numbers: string[] }>();
  for (const part of parts) {
    const number = part[place];
    const key = JSON.stringify(number === undefined ? part : part.with(place, ''));
    const group = alike.get(key);
    if (group === undefined) alike.set(key, { part, numbers: number === undefined ? [] : [number] });
    else group.numbers.push(number!);
  }
  return [...alike.values()].map(({ part, numbers }) =>
    numbers.length < 2 ? part : part.with(place, `[${ranges(numbers)}]`),
  );
}

/** `01-03,07`: each range counts up in the width of its first number. */
function ranges(numbers: readonly string[]): string {
  const sorted = numbers.toSorted((a, b) => Number(a) - Number(b) || a.length - b.length);
  const found: { first: string; last: string }[] = [];
  for (const number of sorted) {
    const range = found.at(-1);
    if (range !== undefined && number === following(range)) range.last = number;
    else found.push({ first: number, last: number });
  }
  return found.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(',');
}

function following({ first, last }: { first: string; last: string }): string {
  return String(Number(last) + 1).padStart(first.length, '0');
}

/** `lin-[01-47] (47 hosts)`; of a single host its name. */
export function hostsText(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${foldNames(names)} (${names.length} hosts)`;
}

/** The names as one word of a command line: some shells would take the brackets for a pattern of file names. */
export function hostArgument(names: readonly string[]): string {
  const folded = foldNames(names);
  return folded.includes('[') ? `'${folded}'` : folded;
}
