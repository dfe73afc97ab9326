/** From how each host ended to how the run ended. Pure. */
import { exitCodeOf } from '../../contract/errors.ts';
import type { ExitReason, HostExited } from '../../contract/events.ts';
import type { HostOutcome } from '../types.ts';

/** @param isExcluded it had no part in the run, and none in its verdict */
export function hostOutcome(exited: HostExited, isExcluded = false): HostOutcome {
  const reason = exited.reason ?? impliedReason(exited);
  const { code, signal, error, durationMs, survivors, bytes } = exited;
  return {
    verdict: isExcluded ? 'excluded' : reason === 'exited' && code === 0 ? 'passed' : 'failed',
    reason,
    code,
    ...(signal === undefined ? {} : { signal }),
    ...(error === undefined ? {} : { error }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(survivors === undefined ? {} : { survivors }),
    ...(bytes === undefined ? {} : { bytes }),
  };
}

/** The short form of the event has only a code. */
function impliedReason({ code, signal }: HostExited): ExitReason {
  if (code !== null) return 'exited';
  return signal === undefined ? 'lost' : 'signaled';
}

/** Most telling first: what the run's exit code is when hosts disagree. */
const precedence = [130, 124, 4, 3, 2, 1];

/** 0 when all passed, else the most telling of what the failed hosts contribute. */
export function runExitCode(hosts: Iterable<HostOutcome>): number {
  const codes = new Set([...hosts].map(contribution));
  return precedence.find(code => codes.has(code)) ?? 0;
}

function contribution({ verdict, reason, error }: HostOutcome): number {
  if (verdict !== 'failed') return 0;
  if (reason === 'cancelled') return 130;
  if (reason === 'timeout') return 124;
  if (error !== undefined) return exitCodeOf(error.code);
  return reason === 'lost' ? 4 : 1;
}

/** Whether two looks at a run tell the same story. */
export function sameVerdicts(a: Record<string, HostOutcome>, b: Record<string, HostOutcome>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(name => {
      const [one, other] = [a[name], b[name]];
      return one?.reason === other?.reason && one?.code === other?.code && one?.signal === other?.signal;
    })
  );
}
