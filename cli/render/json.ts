/**
 * `--output json`: the events of hosts and the summary, one a line, and nothing else on stdout. Notes are for people and go
 * to stderr.
 */
import { isKnown, lineOf } from '../../contract/event-parts.ts';
import type { Renderer, Surroundings } from './renderer.ts';

export function createJsonRenderer({ write }: Pick<Surroundings, 'write'>): Renderer {
  const say = (line: string) => write('stderr', `${line}\n`);
  return {
    event: event => (isKnown(event, 'note') ? say(event.message) : write('stdout', `${lineOf(event)}\n`)),
    say,
    draw() {},
    finish: closing => closing.forEach(say),
  };
}
