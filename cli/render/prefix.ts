/**
 * `--output prefix`: every line as it comes, after its host's name: `a | text`. The rest of a line longer than
 * 64 KiB follows after `a + `. What hosts wrote to stderr goes to stderr.
 */
import { logBytes } from '../../contract/event-parts.ts';
import type { HostExited, HostLog } from '../../contract/events.ts';
import { type ColourState, forPipe, forTerminal, mayHaveSequences } from './control-sequences.ts';
import { formatDuration } from './duration.ts';
import { fenceLines } from './fence-lines.ts';
import { createGathering } from './gathering.ts';
import type { StreamName } from './kept-output.ts';
import { createLineSplitter, type Line, type LineSplitter } from './lines.ts';
import { noticeOf } from './notices.ts';
import type { Renderer, Surroundings } from './renderer.ts';
import { leftRunningLines, summaryLine } from './summary.ts';
import { endingOf, isSaid } from './verdict.ts';

interface OpenStream {
  splitter: LineSplitter;
  colours: ColourState;
}

export function createPrefixRenderer(surroundings: Surroundings): Renderer {
  const { write, view, quiet } = surroundings;
  const status = surroundings.stderr;
  const names = [...view.hosts.keys()];
  const width = Math.max(0, ...names.map(name => name.length));
  const colourOf = new Map(names.map((name, index) => [name, laneColours[index % laneColours.length]!]));
  const open = new Map<string, OpenStream>();
  const gathering = createGathering(say, status.paint);

  function streamOf(host: string, stream: StreamName): OpenStream {
    const key = `${stream}/${host}`;
    let state = open.get(key);
    if (state === undefined) {
      state = { splitter: createLineSplitter(), colours: { active: '' } };
      open.set(key, state);
    }
    return state;
  }

  /** Names are aligned for the eye; a program gets exactly `name | `. */
  function prefix(host: string, stream: StreamName): { line: string; rest: string } {
    const { isTerminal, paint } = surroundings[stream];
    const name = paint(colourOf.get(host) ?? 'white', isTerminal ? host.padEnd(width) : host);
    return { line: `${name} ${paint('dim', '|')} `, rest: `${name} ${paint('dim', '+')} ` };
  }

  function print(host: string, stream: StreamName, lines: Line[], colours: ColourState): void {
    if (lines.length === 0) return;
    const { isTerminal, colour } = surroundings[stream];
    const { line: start, rest } = prefix(host, stream);
    const safe = (line: string) => (isTerminal ? forTerminal(line, colours, colour) : forPipe(line, colour));
    let text = '';
    for (const { text: block, continued } of lines) {
      // Most output is plain text for a pipe, and then a block is prefixed as a whole.
      const isPlain = !isTerminal && !mayHaveSequences(block);
      const shown = isPlain ? block : block.split('\n').map(safe).join('\n');
      text += `${continued ? rest : start}${shown.replace(/\n/g, `\n${start}`)}\n`;
    }
    write(stream, isTerminal ? text : Buffer.from(text, 'latin1'));
  }

  function log(event: HostLog): void {
    const { splitter, colours } = streamOf(event.host, event.stream);
    print(event.host, event.stream, splitter.pushBlocks(latin1Of(event)), colours);
  }

  function end(event: HostExited): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const state = open.get(`${stream}/${event.host}`);
      if (state !== undefined) print(event.host, stream, state.splitter.end(), state.colours);
      open.delete(`${stream}/${event.host}`);
    }
    if (!quiet) for (const line of endLines(event)) say(line);
    if (event.error !== undefined && !isSaid(event)) gathering.error(event.host, event.error);
  }

  function endLines(event: HostExited): string[] {
    const { glyph, colour, phrase } = endingOf(
      view.hosts.get(event.host) ?? { exit: event, isExcluded: false },
    );
    const took = event.durationMs === undefined ? '' : ` (${formatDuration(event.durationMs)})`;
    return [
      `${status.paint(colour, `${glyph} ${event.host}: ${phrase}`)}${took}`,
      ...leftRunningLines({ name: event.host, exit: event }),
    ];
  }

  function say(line: string): void {
    write('stderr', `${line}\n`);
  }

  return {
    event(event) {
      if (event.type === 'hostLog') log(event as HostLog);
      else if (event.type === 'hostExited') end(event as HostExited);
      else if (!quiet) {
        for (const line of fenceLines(event)) say(line);
        const notice = noticeOf(event);
        if (notice !== undefined) gathering.note(notice);
      }
    },
    say,
    draw: () => gathering.flush(),
    finish(closing) {
      gathering.flush();
      if (!quiet) say(summaryLine(view));
      for (const line of closing) say(line);
    },
  };
}

/** The bytes of an event, one character each. Of ASCII, that is its text as it is. */
function latin1Of(event: HostLog): string {
  const { message, encoding } = event;
  const isAscii = encoding === undefined && Buffer.byteLength(message) === message.length;
  return isAscii ? message : logBytes(event).toString('latin1');
}

const laneColours = ['cyan', 'magenta', 'blue', 'yellow', 'green'] as const;
