/**
 * `--output json`: the events of the run, one a line, and nothing else on stdout. Notes are for people and go to stderr; how
 * far a fence is, is for people who watch.
 */
import { isKnown, lineOf } from '../../contract/event-parts.ts';
import type { Renderer, Surroundings } from './renderer.ts';

export function createJsonRenderer({ write }: Pick<Surroundings, 'write'>): Renderer {
  const say = (line: string) => write('stderr', `${line}\n`);
  return {
    event(event) {
      if (isKnown(event, 'note')) say(event.message);
      else if (!isKnown(event, 'fenceProgress')) write('stdout', lineOf(event));
    },
    say,
    draw() {},
    finish: closing => closing.forEach(say),
  };
}
