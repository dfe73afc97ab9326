/**
 * `--output json`: the events of hosts and the summary, one a line, and nothing else on stdout. Notes are for people and go
 * to stderr.
 */
import { isKnown } from '../../contract/events.ts';
import type { Renderer, Surroundings } from './renderer.ts';

export function createJsonRenderer({ write }: Pick<Surroundings, 'write'>): Renderer {
  const say = (line: string) => write('stderr', `${line}\n`);
  return {
    event: event =>
      isKnown(event, 'note') ? say(event.message) : write('stdout', `${JSON.stringify(event)}\n`),
    say,
    finish: closing => closing.forEach(say),
  };
}
