/** What every output mode is. */
import type { Event } from '../../contract/events.ts';
import type { Paint } from './paint.ts';
import type { RunView } from './run-view.ts';

/** Where a mode writes. A string goes out as UTF-8. */
export type Write = (target: 'stdout' | 'stderr', data: string | Uint8Array) => void;

/** What an output mode is given. The same inputs give the same output. */
export interface Surroundings {
  write: Write;
  /** Of the run; kept up to date by the caller, before the event is handed to the renderer. */
  view: RunView;
  stdout: StreamTraits;
  stderr: StreamTraits;
  /** Only what the hosts print, and errors. */
  quiet: boolean;
  /** Gather hosts whose output is identical. */
  group: boolean;
  /** The run's id, for hints. */
  runId: string;
  /** What Ctrl-C does, for the live display. */
  hint: string;
}

export interface StreamTraits {
  isTerminal: boolean;
  /** Whether colours may be written there. */
  paint: Paint;
  colour: boolean;
}

export interface Renderer {
  event(event: Event): void;
  /** A line of the command itself, for a person; not part of the hosts' output. */
  say(line: string): void;
  /** Shows what has changed since the last time. To be called about ten times a second; `now` is the clock of the view. */
  draw(now: number): void;
  /** After the last event: results, if the mode has any, and the closing lines. */
  finish(closing: readonly string[]): void;
}
