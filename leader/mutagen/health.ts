/** What `mutagen sync list` says of a session, and whether all is well with it. */
import { z } from 'zod';
import { AwError, show } from '../../contract/errors.ts';

/** What is zero or empty is left out by Mutagen. */
const Problem = z.looseObject({ path: z.string().default(''), error: z.string().default('') });
const Endpoint = z.looseObject({
  connected: z.boolean().default(false),
  scanProblems: z.array(Problem).default([]),
  excludedScanProblems: z.int().default(0),
  transitionProblems: z.array(Problem).default([]),
  excludedTransitionProblems: z.int().default(0),
});

export const Session = z.looseObject({
  identifier: z.string().min(1),
  name: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  paused: z.boolean().default(false),
  status: z.string(),
  lastError: z.string().default(''),
  successfulCycles: z.int().default(0),
  conflicts: z.array(z.looseObject({ root: z.string().default('') })).default([]),
  excludedConflicts: z.int().default(0),
  alpha: Endpoint,
  beta: Endpoint,
});
export type Session = z.infer<typeof Session>;

export interface SessionHealth {
  session: string;
  status: string;
  /** Both ends are there. */
  isConnected: boolean;
  /** Since it was connected. */
  cycles: number;
  conflicts: number;
  /** Paths that it could not read or write, on either side. */
  problems: number;
  lastError?: string;
}

const EXAMPLES = 3;

/** @throws AW_MUTAGEN_FAILED for what is no list of sessions */
export function parseSessions(text: string): Session[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No schema accepts undefined.
  }
  // Without sessions some versions print null.
  const parsed = z.array(Session).safeParse(value ?? (text.trim() === 'null' ? [] : value));
  if (parsed.success) return parsed.data;
  const reason = `its answer is not understood: ${parsed.error.issues[0]?.message}`;
  throw new AwError('AW_MUTAGEN_FAILED', { call: 'sync list', reason });
}

export function isConnected({ alpha, beta }: Session): boolean {
  return alpha.connected && beta.connected;
}

export function isHalted({ status }: Session): boolean {
  return status.startsWith('halted-');
}

/** It does nothing, and will do nothing by itself. */
export function isIdle(session: Session): boolean {
  return isHalted(session) || (session.status === 'watching' && isConnected(session));
}

export function healthOf(session: Session): SessionHealth {
  const { name, status, successfulCycles, lastError } = session;
  return {
    session: name,
    status,
    isConnected: isConnected(session),
    cycles: successfulCycles,
    conflicts: session.conflicts.length + session.excludedConflicts,
    problems: problemsOf(session).count,
    ...(lastError === '' ? {} : { lastError: show(lastError, 500).slice(1, -1) }),
  };
}

/** Why what it should have done may not be done; undefined when it knows of nothing. */
export function complaintOf(session: Session): AwError | undefined {
  const { status, conflicts, lastError } = session;
  if (isHalted(session)) return new AwError('AW_MUTAGEN_HALTED', { status: show(status) });
  const { conflicts: count } = healthOf(session);
  if (count > 0) {
    return new AwError('AW_MUTAGEN_CONFLICT', {
      count,
      examples: list(conflicts.map(({ root }) => show(root))),
    });
  }
  const { problems, count: all } = problemsOf(session);
  if (all > 0) {
    const examples = problems.map(({ path, error }) => `${show(path)} (${show(error).slice(1, -1)})`);
    return new AwError('AW_MUTAGEN_PROBLEMS', { count: all, examples: list(examples) });
  }
  if (lastError === '') return undefined;
  return new AwError('AW_MUTAGEN_FAILED', { call: 'sync', reason: show(lastError, 500).slice(1, -1) });
}

function problemsOf({ alpha, beta }: Session) {
  const problems = [alpha, beta].flatMap(each => [...each.scanProblems, ...each.transitionProblems]);
  const more = [alpha, beta].map(each => each.excludedScanProblems + each.excludedTransitionProblems);
  return { problems, count: problems.length + more[0]! + more[1]! };
}

function list(examples: readonly string[]): string {
  return examples.slice(0, EXAMPLES).join(', ');
}
