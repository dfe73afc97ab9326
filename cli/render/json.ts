/** `--output json`: the events of the contract, one a line, and nothing else on stdout. */
import type { Renderer, Surroundings } from './renderer.ts';

export function createJsonRenderer({ write }: Pick<Surroundings, 'write'>): Renderer {
  const say = (line: string) => write('stderr', `${line}\n`);
  return {
    event: event => write('stdout', `${JSON.stringify(event)}\n`),
    say,
    finish: closing => closing.forEach(say),
  };
}
