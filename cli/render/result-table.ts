/** The table at the end of a run: a row for each host, or for all hosts that ended the same way. */
import { formatBytes, formatDuration } from './duration.ts';
import { foldNames } from './host-names.ts';
import type { Paint, Style } from './paint.ts';
import { printable } from './printable.ts';
import type { HostView } from './run-view.ts';
import { endingOf } from './verdict.ts';

/** Up to so many hosts each have a row. */
const SINGLE_ROWS = 12;
const COLUMNS = 80;
/** However long the other columns are, names have this much room. */
const LEAST_NAMES = 20;

interface Row {
  hosts: HostView[];
  verdict: string;
  colour: Style;
}

/** In the order of `hosts`. Names that do not fit their column go on below. */
export function resultTable(hosts: readonly HostView[], paint: Paint): string[] {
  const rows = rowsOf(hosts);
  const cells = rows.map(row => [row.verdict, durationCell(row.hosts), outputCell(row.hosts)]);
  const isRange = cells.some(([, duration]) => duration!.includes('/'));
  const titles = ['verdict', isRange ? 'min / median / max' : 'duration', 'output'];
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...cells.map(row => row[column]!.length)),
  );
  const room = Math.max(LEAST_NAMES, COLUMNS - widths.reduce((sum, width) => sum + width + 2, 0));
  const names = rows.map(row => wrapNames(foldNames(row.hosts.map(host => host.name)), room));
  const nameWidth = Math.max('host'.length, ...names.flat().map(name => name.length));
  const line = (name: string, [verdict, duration, output]: readonly string[], colour?: Style) => {
    const word = verdict!.padEnd(widths[0]!);
    return [
      name.padEnd(nameWidth),
      colour === undefined ? word : paint(colour, word),
      duration!.padStart(widths[1]!),
      output!.padStart(widths[2]!),
    ].join('  ');
  };
  return [
    paint('dim', line('host', titles)),
    ...rows.flatMap(({ colour }, index) => {
      const [first, ...more] = names[index]!;
      return [line(first!, cells[index]!, colour), ...more];
    }),
  ];
}

function rowsOf(hosts: readonly HostView[]): Row[] {
  const rows = new Map<string, Row>();
  for (const host of hosts) {
    const { verdict, colour } = verdictCell(host);
    const key = hosts.length <= SINGLE_ROWS ? host.name : verdict;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { hosts: [host], verdict, colour });
    else row.hosts.push(host);
  }
  return [...rows.values()];
}

/** `✗ failed exit 3`, `! killed SIGSEGV`, `? not reached`. */
function verdictCell(host: HostView): { verdict: string; colour: Style } {
  const { exit, startedAt } = host;
  const { verdict, glyph, word, colour } = endingOf(host);
  const isUnreached = verdict === 'lost' && startedAt === undefined;
  const detail =
    verdict === 'failed'
      ? ` exit ${exit!.code}`
      : verdict === 'signaled'
        ? ` ${printable(exit!.signal ?? '')}`
        : '';
  return { verdict: `${glyph} ${isUnreached ? 'not reached' : word}${detail}`.trimEnd(), colour };
}

/** One duration, or the least, the middle and the most. */
function durationCell(hosts: readonly HostView[]): string {
  const all = hosts.flatMap(({ exit }) => exit?.durationMs ?? []).sort((a, b) => a - b);
  if (all.length === 0) return '-';
  const shown = [all[0]!, middle(all), all.at(-1)!].map(formatDuration);
  return shown.every(each => each === shown[0]) ? shown[0]! : shown.join(' / ');
}

/** What a host printed on both streams; where hosts differ, about what one of them did. */
function outputCell(hosts: readonly HostView[]): string {
  const all = hosts
    .flatMap(({ exit }) => (exit?.bytes === undefined ? [] : exit.bytes.stdout + exit.bytes.stderr))
    .sort((a, b) => a - b);
  if (all.length === 0) return '-';
  return `${all[0] === all.at(-1) ? '' : '~'}${formatBytes(middle(all))}`;
}

function middle(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Rows of at most `room` characters, where there is a comma to break at. */
function wrapNames(names: string, room: number): string[] {
  const rows: string[] = [];
  for (const part of names.match(/[^,]+,?/g) ?? []) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + part.length <= room) rows[rows.length - 1] = last + part;
    else rows.push(part);
  }
  return rows;
}
