/**
 * `--output lanes`: while the run lasts, how far each host is, drawn again and again; then the results.
 * Where stdout is no terminal there are only the results.
 */
import { logBytes } from '../../contract/event-parts.ts';
import type { HostLog } from '../../contract/events.ts';
import { fenceLines } from './fence-lines.ts';
import { createGathering } from './gathering.ts';
import { createLastLine } from './last-line.ts';
import { liveRows } from './live-rows.ts';
import { noticeOf } from './notices.ts';
import type { Outputs } from './outputs.ts';
import type { Renderer, Surroundings } from './renderer.ts';
import { writeResults } from './results.ts';

/** A display of rows that are replaced in place. */
export interface Screen {
  /** Replaces the rows shown; nothing is written when they are the same. */
  show(rows: readonly string[]): void;
  /** Writes `line` above the rows; it stays. */
  persist(line: string): void;
  /** Takes the rows away and gives the terminal back; may be called again. */
  clear(): void;
  size(): { columns: number; rows: number };
}

/** `outputs` is kept up to date by the caller. Without a `screen` nothing is drawn. */
export function createLanesRenderer(
  surroundings: Surroundings,
  outputs: Outputs,
  screen: Screen | undefined,
): Renderer {
  const { view, stdout, quiet, hint } = surroundings;
  const lastLines = new Map([...view.hosts.keys()].map(name => [name, createLastLine()]));
  const gathering = createGathering(say, surroundings.stderr.paint);
  let since: number | undefined;

  function say(line: string): void {
    if (screen === undefined) surroundings.write('stderr', `${line}\n`);
    else screen.persist(line);
  }

  return {
    event(event) {
      if (event.type === 'hostLog') {
        const log = event as HostLog;
        if (screen !== undefined) lastLines.get(log.host)?.push(logBytes(log));
      } else if (!quiet) {
        for (const line of fenceLines(event)) say(line);
        const notice = noticeOf(event);
        if (notice !== undefined) gathering.note(notice);
      }
    },
    say,
    draw(now) {
      gathering.flush();
      if (screen === undefined) return;
      since ??= now;
      const line = (name: string) => lastLines.get(name)?.text() ?? '';
      screen.show(liveRows(view, { ...screen.size(), now, since, paint: stdout.paint, line, hint }));
    },
    finish(closing) {
      gathering.flush();
      screen?.clear();
      writeResults(surroundings, outputs.byHost);
      for (const line of closing) surroundings.write('stdout', `${line}\n`);
    },
  };
}
