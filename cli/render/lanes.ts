/**
 * `--output lanes`: while the run lasts, a row for each host that is drawn again and again; then the results.
 * Where stdout is no terminal there are only the results.
 */
import type { HostLog } from '../../contract/events.ts';
import { logBytes } from '../../contract/events.ts';
import { forTerminal } from './control-sequences.ts';
import { formatDuration } from './duration.ts';
import { noticeLines } from './notices.ts';
import type { Outputs } from './outputs.ts';
import type { Paint } from './paint.ts';
import type { Renderer, Surroundings } from './renderer.ts';
import { progressLine, writeResults } from './results.ts';
import { type HostView, hasPassed } from './run-view.ts';
import { endingOf } from './verdict.ts';
import { truncate } from './width.ts';

/** A display of rows that are replaced in place, such as log-update gives. */
export interface Screen {
  /** Replaces the rows shown. */
  show(rows: string): void;
  /** Writes `text` above the rows; it stays. */
  persist(text: string): void;
  /** Takes the rows away. */
  clear(): void;
  size(): { columns: number; rows: number };
}

export interface LanesRenderer extends Renderer {
  /** Draws the rows anew. To be called about ten times a second. */
  draw(now: number): void;
}

/** How much of an unfinished line is kept to be shown, in bytes. */
const LAST_LINE_LIMIT = 1024;

/** `outputs` is kept up to date by the caller. Without a `screen` nothing is drawn. */
export function createLanesRenderer(
  surroundings: Surroundings,
  outputs: Outputs,
  screen: Screen | undefined,
): LanesRenderer {
  const { view, stdout, quiet, hint } = surroundings;
  const lastLines = new Map([...view.hosts.keys()].map(name => [name, createLastLine()]));
  let tick = 0;

  function say(line: string): void {
    if (screen === undefined) surroundings.write('stderr', `${line}\n`);
    else screen.persist(line);
  }

  return {
    event(event) {
      if (event.type === 'hostLog') {
        const log = event as HostLog;
        if (screen !== undefined) lastLines.get(log.host)?.push(logBytes(log).toString('latin1'));
      } else if (!quiet) {
        for (const line of noticeLines(event)) say(line);
      }
    },
    say,
    draw(now) {
      if (screen === undefined) return;
      tick += 1;
      const lines = (name: string) => lastLines.get(name)?.text() ?? '';
      screen.show(
        laneRows([...view.hosts.values()], { ...screen.size(), now, tick, paint: stdout.paint, lines, hint }),
      );
    },
    finish(closing) {
      screen?.clear();
      writeResults(surroundings, outputs.byHost);
      for (const line of closing) surroundings.write('stdout', `${line}\n`);
    },
  };
}

interface LastLine {
  push(bytes: string): void;
  /** The last line with something in it, safe to be shown, without colours. */
  text(): string;
}

function createLastLine(): LastLine {
  let complete = '';
  let partial = '';
  return {
    push(bytes) {
      const feed = bytes.lastIndexOf('\n');
      if (feed === -1) {
        if (partial.length < LAST_LINE_LIMIT) partial += bytes.slice(0, LAST_LINE_LIMIT);
        return;
      }
      // Blank lines are passed over: a lane that goes blank between two lines tells nobody anything.
      const lines = (partial + bytes.slice(0, feed)).slice(-4 * LAST_LINE_LIMIT).split('\n');
      complete = lines.findLast(line => /[^\s]/.test(line))?.slice(0, LAST_LINE_LIMIT) ?? complete;
      partial = bytes.slice(feed + 1, feed + 1 + LAST_LINE_LIMIT);
    },
    text() {
      const line = /[^\s]/.test(partial) ? partial : complete;
      return forTerminal(line, { active: '' }, false).replaceAll('\t', ' ').trim();
    },
  };
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

interface Frame {
  columns: number;
  rows: number;
  now: number;
  /** Counts the draws; turns the spinner. */
  tick: number;
  paint: Paint;
  lines: (host: string) => string;
  hint: string;
}

/** The rows of one frame: never more than fit the window, none wider than it. */
export function laneRows(hosts: readonly HostView[], frame: Frame): string {
  const columns = Math.max(1, frame.columns);
  // The cursor stays on the row below, and the last row is the progress line.
  const room = Math.max(0, frame.rows - 2);
  const shown = hosts.length <= room ? hosts : mostInteresting(hosts, Math.max(0, room - 1));
  const nameWidth = Math.min(Math.max(0, ...shown.map(host => host.name.length)), Math.ceil(columns / 3));
  const rows = shown.map(host => laneRow(host, nameWidth, columns, frame));
  const hidden = hosts.length - shown.length;
  if (hidden > 0 && room > 0) rows.push(truncate(`  and ${hidden} more`, columns));
  rows.push(frame.paint('dim', truncate(`${progressLine(hosts)} - ${frame.hint}`, columns)));
  return rows.join('\n');
}

/** When not all hosts fit: failures, then what is at work, then the rest; each in the catalogue's order. */
function mostInteresting(hosts: readonly HostView[], room: number): HostView[] {
  const rank = (host: HostView) => {
    if (host.exit !== undefined) return hasPassed(host.exit) ? 3 : 0;
    return host.phase === 'running' ? 1 : 2;
  };
  const chosen = new Set(hosts.toSorted((a, b) => rank(a) - rank(b)).slice(0, room));
  return hosts.filter(host => chosen.has(host));
}

function laneRow(host: HostView, nameWidth: number, columns: number, frame: Frame): string {
  const { glyph, colour, text } = laneState(host, frame);
  const elapsed = laneElapsed(host, frame.now).padStart(7);
  const name = truncate(host.name, nameWidth).padEnd(nameWidth);
  const room = columns - 2 - nameWidth - 1 - elapsed.length - 2;
  if (room < 4) return frame.paint(colour, truncate(`${glyph} ${host.name}`, columns));
  return `${frame.paint(colour, `${glyph} ${name}`)} ${frame.paint('dim', elapsed)}  ${truncate(text, room)}`;
}

function laneState(host: HostView, frame: Frame) {
  if (host.exit !== undefined) {
    const { glyph, colour, phrase } = endingOf(host.exit);
    return { glyph, colour, text: phrase };
  }
  if (host.phase === 'waiting') return { glyph: '·', colour: 'dim', text: host.link ?? 'waiting' } as const;
  const glyph = spinner[frame.tick % spinner.length]!;
  if (host.link !== undefined) return { glyph, colour: 'yellow', text: host.link } as const;
  return { glyph, colour: 'cyan', text: frame.lines(host.name) } as const;
}

function laneElapsed(host: HostView, now: number): string {
  if (host.exit?.durationMs !== undefined) return formatDuration(host.exit.durationMs);
  return host.startedAt === undefined ? '' : formatDuration(now - host.startedAt);
}
