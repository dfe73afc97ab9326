/**
 * What a host printed, made safe to stand in a line beside other hosts' lines.
 *
 * A host may print anything, by accident (a progress bar) or on purpose (a hostile test name). Only colours (SGR) may
 * reach a terminal; whatever moves the cursor, clears, sets titles, queries or rings is taken out.
 * Lines are byte strings here: one character per byte (latin1), so that bytes that are not UTF-8 stay what they are.
 */

const ESC = '\x1b';
/** The end of an OSC, DCS, SOS, PM or APC string: BEL, or ST in its 7-bit form or its UTF-8 encoded 8-bit form. */
const STRING_END = /\x07|\x1b\\|\xc2\x9c/g;
/** A control sequence from after its introducer: parameters, intermediates, final byte. */
const CSI_REST = /([0-?]*)([ -/]*)([@-~])/y;
const ESCAPE_REST = /[ -/]*[0-~]/y;
const INTRODUCER = /\x1b|\xc2[\x80-\x9f]/g;
const STRING_KINDS = new Set([']', 'P', 'X', '^', '_']);
/** Longest run of colour settings carried from one line to the next, in characters. */
const CARRY_LIMIT = 256;

/** The colours a stream has switched on and not off, as the sequences that switch them on again. */
export interface ColourState {
  active: string;
}

/** False: `text` (latin1) surely has no escape sequence. Costs far less than to look for one. */
export function mayHaveSequences(text: string): boolean {
  return text.includes(ESC) || text.includes('\xc2');
}

/** Takes every escape sequence out of `line`, except the colours when `colour`. Other bytes stay as they are. */
export function forPipe(line: string, colour: boolean): string {
  return strip(line, sequence => (colour ? sequence : ''));
}

/**
 * `line` as text that stays within its row: sequences other than colours are gone, so are all control characters but
 * the tab; a lone carriage return starts the row anew, as it would on a terminal of its own; bytes that are not UTF-8
 * become U+FFFD. Colours are closed at the end of the row and taken up again in the next one (`state`).
 */
export function forTerminal(line: string, state: ColourState, colour: boolean): string {
  const before = state.active;
  const kept = strip(line, sequence => {
    if (!colour) return '';
    state.active = carry(state.active, sequence);
    return sequence;
  });
  const row = lastRow(kept.endsWith('\r') ? kept.slice(0, -1) : kept);
  const text = decode(row).replace(/[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]/g, '');
  if (!colour) return text;
  return before !== '' || text.includes(ESC) ? `${before}${text}${ESC}[0m` : text;
}

/** What a terminal would show last of a row that was overwritten; the colours set before it still hold. */
function lastRow(line: string): string {
  const start = line.lastIndexOf('\r') + 1;
  if (start === 0) return line;
  const colours = line.slice(0, start).match(/\x1b\[[0-9;:]*m/g);
  return `${colours === null ? '' : colours.slice(-8).join('')}${line.slice(start)}`;
}

function decode(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

function carry(active: string, sequence: string): string {
  const parameters = sequence.slice(2, -1);
  if (/^0*$/.test(parameters)) return '';
  if (/^0*;/.test(parameters)) return sequence;
  const joined = active + sequence;
  return joined.length > CARRY_LIMIT ? sequence : joined;
}

/**
 * Removes all sequences but what `onColour` returns for each SGR. One pass: an unfinished sequence loses only its
 * introducer, and the search for the end of a string sequence never runs over the same text twice.
 */
function strip(line: string, onColour: (sequence: string) => string): string {
  INTRODUCER.lastIndex = 0;
  let introducer = INTRODUCER.exec(line);
  if (introducer === null) return line;
  let result = '';
  let at = 0;
  let stringEnd: { start: number; end: number } | undefined;
  while (introducer !== null) {
    const start = introducer.index;
    result += line.slice(at, start);
    const { kind, after } = classify(line, start, introducer[0]);
    at = after;
    if (kind === 'control') {
      CSI_REST.lastIndex = after;
      const rest = CSI_REST.exec(line);
      if (rest !== null) {
        at = CSI_REST.lastIndex;
        const isColour = rest[3] === 'm' && rest[2] === '' && /^[0-9;:]*$/.test(rest[1]!);
        if (isColour) result += onColour(`${ESC}[${rest[1]}m`);
      }
    } else if (kind === 'string') {
      if (stringEnd === undefined || (stringEnd.start < after && stringEnd.start !== line.length)) {
        STRING_END.lastIndex = after;
        const end = STRING_END.exec(line);
        stringEnd =
          end === null ? { start: line.length, end: after } : { start: end.index, end: STRING_END.lastIndex };
      }
      at = stringEnd.start === line.length ? after : stringEnd.end;
    } else if (kind === 'escape') {
      ESCAPE_REST.lastIndex = after;
      if (ESCAPE_REST.test(line)) at = ESCAPE_REST.lastIndex;
    }
    INTRODUCER.lastIndex = at;
    introducer = INTRODUCER.exec(line);
  }
  return result + line.slice(at);
}

function classify(line: string, start: number, introducer: string) {
  if (introducer === ESC) {
    const next = line[start + 1] ?? '';
    if (next === '[') return { kind: 'control', after: start + 2 } as const;
    if (STRING_KINDS.has(next)) return { kind: 'string', after: start + 2 } as const;
    return { kind: 'escape', after: start + 1 } as const;
  }
  // U+0080..U+009F in UTF-8: many terminals take them for their 7-bit twins, ESC and the character 0x40 above.
  const twin = String.fromCharCode(introducer.charCodeAt(1) - 0x40);
  if (twin === '[') return { kind: 'control', after: start + 2 } as const;
  if (STRING_KINDS.has(twin)) return { kind: 'string', after: start + 2 } as const;
  return { kind: 'single', after: start + 2 } as const;
}
