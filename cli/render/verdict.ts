/** How a host's part of a run ended, in words and signs a person tells apart at a glance. */
import type { HostExited } from '../../contract/events.ts';
import { printable } from './printable.ts';

export type Verdict =
  | 'passed'
  | 'failed'
  | 'signaled'
  | 'timeout'
  | 'cancelled'
  | 'lost'
  | 'spawn-failed'
  | 'excluded';

/** What a verdict needs of a `hostExited`, or of a host's outcome. */
export type Ending = Pick<HostExited, 'code' | 'signal' | 'reason' | 'error'>;

interface Style {
  readonly glyph: string;
  readonly word: string;
  readonly colour: 'green' | 'red' | 'magenta' | 'yellow' | 'cyan';
}

const verdictStyles: Readonly<Record<Verdict, Style>> = {
  passed: { glyph: '✓', word: 'passed', colour: 'green' },
  failed: { glyph: '✗', word: 'failed', colour: 'red' },
  signaled: { glyph: '!', word: 'killed', colour: 'red' },
  timeout: { glyph: '◷', word: 'timed out', colour: 'yellow' },
  cancelled: { glyph: '⊘', word: 'cancelled', colour: 'yellow' },
  lost: { glyph: '?', word: 'lost', colour: 'magenta' },
  'spawn-failed': { glyph: '∅', word: 'not started', colour: 'red' },
  excluded: { glyph: '-', word: 'left out', colour: 'yellow' },
};

/** The short form of `hostExited` has no reason: a code means it exited, a signal means it was killed. */
function verdictOf(ending: Ending): Verdict {
  switch (ending.reason) {
    case undefined:
      if (ending.code !== null) return ending.code === 0 ? 'passed' : 'failed';
      return ending.signal === undefined ? 'lost' : 'signaled';
    case 'exited':
      return ending.code === 0 ? 'passed' : 'failed';
    default:
      return ending.reason;
  }
}

/** How a host ended, ready to be shown; for a host that has not, that it has not. */
export interface EndingText extends Style {
  readonly verdict: Verdict | undefined;
  /** `passed`, `exit 1`, `killed by SIGSEGV`, `timed out`, `lost: AW_HOST_UNREACHABLE`, `left out: AW_FENCE_TIMEOUT`. */
  readonly phrase: string;
}

export function endingOf({ exit: ending, isExcluded }: { exit?: Ending; isExcluded: boolean }): EndingText {
  if (ending === undefined) {
    return { verdict: undefined, glyph: '·', word: 'not finished', colour: 'yellow', phrase: 'not finished' };
  }
  const verdict = isExcluded ? 'excluded' : verdictOf(ending);
  const words = phraseOf(verdict, ending);
  const code = ending.error?.code;
  const isImplied = code === undefined || impliedCodes.has(code);
  const phrase = isImplied ? words : `${words}: ${printable(code)}`;
  return { verdict, phrase, ...verdictStyles[verdict] };
}

/** Codes that say no more than the verdict beside them. */
const impliedCodes: ReadonlySet<string> = new Set([
  'AW_RUN_TIMEOUT',
  'AW_RUN_CANCELLED',
  'AW_RUN_LOST',
  'AW_FENCE_ELSEWHERE',
]);

/** True when the error of an ending says no more than its verdict, and no remedy helps. */
export function isSaid({ error }: Ending): boolean {
  return error?.code === 'AW_RUN_CANCELLED';
}

function phraseOf(verdict: Verdict, ending: Ending): string {
  if (verdict === 'failed') return `exit ${ending.code}`;
  if (verdict === 'signaled') return `killed by ${printable(ending.signal ?? 'a signal')}`;
  return verdictStyles[verdict].word;
}
