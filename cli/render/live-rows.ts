/** One frame of the live display as text. Pure. */
import { formatClock, formatDuration } from './duration.ts';
import { foldNames } from './host-names.ts';
import { type LaneRow, layOut, sectionOf } from './lane-layout.ts';
import type { Paint, Style } from './paint.ts';
import { remainingTime } from './remaining-time.ts';
import { failedHosts, type HostView, type RunView } from './run-view.ts';
import { endingOf } from './verdict.ts';
import { truncate } from './width.ts';

export interface Frame {
  columns: number;
  rows: number;
  /** Milliseconds, of the clock the view is kept by. */
  now: number;
  /** When the run was begun to be shown, on the same clock. */
  since: number;
  paint: Paint;
  /** The last line a host printed. */
  line: (host: string) => string;
  /** What Ctrl-C does. */
  hint: string;
}

/**
 * The rows of one frame: how far the run is, then the hosts. One row of the window stays free for the cursor, and so
 * does its last column: what a terminal does after writing into it differs.
 */
export function liveRows(view: RunView, frame: Frame): string[] {
  const hosts = [...view.hosts.values()];
  const columns = Math.max(1, frame.columns - 1);
  const room = frame.rows - 2;
  const header = headerRow(view, hosts, columns, frame);
  if (room < 1) return [header];
  const rows = layOut(hosts, room);
  const widths = rows.map(row => ('host' in row ? row.host.name.length : 0));
  const nameWidth = Math.min(Math.max(0, ...widths), Math.ceil(columns / 3));
  return [
    header,
    ...rows.map(row =>
      'host' in row ? hostRow(row.host, nameWidth, columns, frame) : restRow(row, columns, frame),
    ),
  ];
}

/** `31/50 done, 2 failed, 0:42, ETA ~0:20 - Ctrl-C cancels` */
function headerRow(view: RunView, hosts: readonly HostView[], columns: number, frame: Frame): string {
  const done = hosts.filter(host => host.exit !== undefined).length;
  const failed = failedHosts(view).length;
  const remaining = remainingTime(hosts, frame.now) ?? 0;
  const parts: [Style, string][] = [['bold', `${done}/${hosts.length} done`]];
  if (failed > 0) parts.push([['red', 'bold'], `, ${failed} failed`]);
  parts.push(['bold', `, ${formatClock(frame.now - frame.since)}`]);
  if (remaining >= 1000) parts.push(['bold', `, ETA ~${formatClock(remaining)}`]);
  parts.push(['dim', ` - ${frame.hint}`]);
  const text = parts.map(([, part]) => part).join('');
  if (text.length > columns) return frame.paint('bold', truncate(text, columns));
  return parts.map(([style, part]) => frame.paint(style, part)).join('');
}

/** `+ 37 running: lin-[04-40]` */
function restRow(row: Extract<LaneRow, { section: unknown }>, columns: number, { paint }: Frame): string {
  const names = foldNames(row.hosts.map(host => host.name));
  const text = truncate(`+ ${row.hosts.length} ${row.section}: ${names}`, columns);
  return paint(row.section === 'failed' ? 'red' : 'dim', text);
}

function hostRow(host: HostView, nameWidth: number, columns: number, frame: Frame): string {
  const { glyph, colour, text } = stateOf(host, frame);
  const elapsed = elapsedOf(host, frame.now).padStart(7);
  const room = columns - 2 - nameWidth - 1 - elapsed.length - 2;
  if (room < 4) return frame.paint(colour, truncate(`${glyph} ${host.name}`, columns));
  const name = truncate(host.name, nameWidth).padEnd(nameWidth);
  const start = `${frame.paint(colour, `${glyph} ${name}`)} ${frame.paint('dim', elapsed)}`;
  return text === '' ? start : `${start}  ${truncate(text, room)}`;
}

function stateOf(host: HostView, frame: Frame): { glyph: string; colour: Style; text: string } {
  switch (sectionOf(host)) {
    case 'passed':
      return { ...endingOf(host), text: 'passed' };
    case 'left out': {
      const { glyph, colour, phrase } = endingOf(host);
      return { glyph, colour, text: phrase };
    }
    case 'failed': {
      const { glyph, colour, phrase } = endingOf(host);
      return { glyph, colour, text: [phrase, frame.line(host.name)].filter(Boolean).join('  ') };
    }
    case 'silent': {
      const silence = host.heardAt === undefined ? '' : `silent ${formatSeconds(frame.now - host.heardAt)}: `;
      return { glyph: '~', colour: 'yellow', text: `${silence}${host.link}` };
    }
    case 'running':
      return { glyph: '▸', colour: 'cyan', text: frame.line(host.name) };
    case 'waiting':
      return {
        glyph: '·',
        colour: 'dim',
        text: host.fence === undefined ? 'waiting' : `fence: ${host.fence}`,
      };
  }
}

/** Whole seconds: a row changes once a second while nothing happens, not ten times. */
function formatSeconds(milliseconds: number): string {
  return milliseconds < 60_000 ? `${Math.floor(milliseconds / 1000)} s` : formatDuration(milliseconds);
}

function elapsedOf(host: HostView, now: number): string {
  if (host.exit?.durationMs !== undefined) return formatDuration(host.exit.durationMs);
  return host.startedAt === undefined ? '' : formatClock(now - host.startedAt);
}
