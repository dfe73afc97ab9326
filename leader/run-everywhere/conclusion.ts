/** How a run ended, once all of its hosts have. */
import type { HostExited, Summary } from '../../contract/events.ts';
import type { JournalItem } from '../journal.ts';
import type { HostOutcome, Outcome } from '../types.ts';
import { runExitCode, sameVerdicts } from './outcome.ts';
import type { Score } from './score.ts';

/** The summary and the outcome; those on record when nothing else came out of looking again. */
export function conclude(
  { leader, known }: Score,
  hosts: Record<string, HostOutcome>,
  hasEnded: boolean,
  durationMs: number,
): { item: JournalItem; outcome: Outcome } {
  if (hasEnded && known.outcome !== undefined && sameVerdicts(known.outcome.hosts, hosts)) {
    const { summary, exitCode } = known.outcome;
    return { item: { event: summary, line: JSON.stringify(summary) }, outcome: { exitCode, summary, hosts } };
  }
  const names = (verdict: HostOutcome['verdict']) =>
    Object.keys(hosts).filter(name => hosts[name]!.verdict === verdict);
  const exitCode = runExitCode(Object.values(hosts));
  const content = {
    type: 'summary',
    passed: names('passed'),
    failed: names('failed'),
    ...(names('excluded').length === 0 ? {} : { excluded: names('excluded') }),
    exitCode,
    durationMs,
  } as const;
  const item = leader.make(content);
  return { item, outcome: { exitCode, summary: item.event as Summary, hosts } };
}

/** Until now; of a run that was started before, until its last host ended, as far as that host's clock can be believed. */
export function durationOf({ plan, startedAt }: Score, exits: readonly (HostExited | undefined)[]): number {
  const now = Date.now();
  const ends = exits.flatMap(exited => (exited === undefined ? [] : [Date.parse(exited.ts)]));
  const end = plan === undefined ? Math.min(now, Math.max(...ends)) : now;
  return Math.max(0, end - startedAt);
}
