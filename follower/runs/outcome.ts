/** How a run is said to have ended. Pure. */
import { AwError } from '../../contract/errors.ts';
import type { ExitFields } from './recorder.ts';

/** Why a run is ended before it ends by itself. */
export interface Verdict {
  reason: 'cancelled' | 'timeout' | 'lost';
  error: AwError;
}

/** How the command itself ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Of a run whose command was started. Without an `exit` everything was done to end it, and it is still there. */
export function outcomeOf(exit: Exit | undefined, verdict: Verdict | undefined): ExitFields {
  const signal = exit?.signal ?? null;
  const code = exit?.code ?? null;
  // Windows codes are unsigned; Node may give them with a sign.
  const status = { code: code === null ? null : code >>> 0, ...(signal === null ? {} : { signal }) };
  if (verdict !== undefined) {
    const { reason, error } = verdict;
    return { ...status, ...(reason === 'lost' ? { code: null } : {}), reason, error: error.toWire() };
  }
  if (exit === undefined) {
    const error = new AwError('AW_RUN_LOST', { reason: 'it could not be ended' });
    return { code: null, reason: 'lost', error: error.toWire() };
  }
  return { ...status, reason: signal === null ? 'exited' : 'signaled' };
}

/** Of a run whose command was not started: the codes are those a shell has for it. */
export function refusalOf(error: AwError, verdict: Verdict | undefined): ExitFields {
  const codes: Record<string, number> = { AW_CMD_NOT_FOUND: 127, AW_CMD_NOT_EXECUTABLE: 126 };
  return {
    code: codes[error.code] ?? null,
    reason: verdict?.reason ?? 'spawn-failed',
    error: error.toWire(),
    survivors: [],
  };
}
