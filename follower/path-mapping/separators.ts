/** Windows separators as they stand in output: `/`, `\`, or `\` escaped once (JSON) or twice (JSON in JSON). */

const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** How many backslashes stand for one in this text; 0 while that is not known. */
export type Escape = 0 | 1 | 2 | 4;

export interface Separator {
  length: number;
  escaping: Escape;
}

/** The separator at `at`; undefined when there is none; `more` when bytes still to come decide. */
export function readSeparator(
  data: Buffer,
  at: number,
  escaping: Escape,
  final: boolean,
): Separator | 'more' | undefined {
  if (data[at] === SLASH) return { length: 1, escaping };
  const wanted = escaping === 0 ? 4 : escaping;
  const run = backslashes(data, at, wanted);
  if (run < wanted && at + run === data.length && !final) return 'more';
  if (escaping !== 0) return run === escaping ? { length: escaping, escaping } : undefined;
  const found = run === 4 ? 4 : Math.min(run, 2);
  return found === 0 ? undefined : { length: found, escaping: found as Escape };
}

/** Every way `\\` before a server's name can stand in output. */
export const UNC_LEADS: readonly string[] = ['//', '\\\\', '\\'.repeat(4), '\\'.repeat(8)];

/** The lead of `\\server`: two backslashes in this text's escaping, or `//`. */
export function readUncLead(data: Buffer, at: number, final: boolean): Separator | 'more' | undefined {
  const byte = data[at];
  const previous = at === 0 ? undefined : data[at - 1];
  if (byte === undefined || byte === previous) return undefined;
  if (byte === SLASH) {
    if (at + 1 === data.length) return final ? undefined : 'more';
    return data[at + 1] === SLASH ? { length: 2, escaping: 0 } : undefined;
  }
  const run = backslashes(data, at, 9);
  if (at + run === data.length && run < 9 && !final) return 'more';
  return run === 2 || run === 4 || run === 8 ? { length: run, escaping: (run / 2) as Escape } : undefined;
}

function backslashes(data: Buffer, at: number, limit: number): number {
  let run = 0;
  while (run < limit && data[at + run] === BACKSLASH) run++;
  return run;
}
