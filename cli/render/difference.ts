/** Where the output of one host begins to differ from that of another. */
import { forTerminal } from './control-sequences.ts';
import type { KeptOutput, StreamName } from './kept-output.ts';

export interface Difference {
  stream: StreamName;
  /** From 1. */
  line: number;
  /** The line of each, safe to be shown; undefined where the output ends before it. */
  here: string | undefined;
  there: string | undefined;
}

/** Looks at stdout, then at stderr. Undefined when they are equal as far as their beginnings are kept. */
export function firstDifference(here: KeptOutput, there: KeptOutput): Difference | undefined {
  for (const stream of ['stdout', 'stderr'] as const) {
    const [a, b] = [beginning(here, stream), beginning(there, stream)];
    const length = Math.min(a.text.length, b.text.length);
    let at = 0;
    while (at < length && a.text.charCodeAt(at) === b.text.charCodeAt(at)) at += 1;
    if (at === a.text.length && at === b.text.length) continue;
    const isUnknown = (at === a.text.length && a.isCut) || (at === b.text.length && b.isCut);
    if (isUnknown) continue;
    const start = at === 0 ? 0 : a.text.lastIndexOf('\n', at - 1) + 1;
    const line = a.text.slice(0, start).split('\n').length;
    return { stream, line, here: lineAt(a.text, start), there: lineAt(b.text, start) };
  }
  return undefined;
}

function beginning(output: KeptOutput, stream: StreamName): { text: string; isCut: boolean } {
  const { head, omitted, tail } = output.pieces();
  const pieces = omitted === 0 ? [...head, ...tail] : head;
  const text = pieces.flatMap(piece => (piece.stream === stream ? piece.text : [])).join('');
  return { text, isCut: omitted > 0 };
}

function lineAt(text: string, start: number): string | undefined {
  if (start >= text.length) return undefined;
  const end = text.indexOf('\n', start);
  return forTerminal(text.slice(start, end === -1 ? text.length : end), { active: '' }, false);
}
