/** What an event means for the session it belongs to and for the followers it names. */
import { type Event, isKnown, type Summary } from '../../../contract/events.ts';
import type { Statements } from './statements.ts';

/** Where and when an event was stored. */
export interface Place {
  readonly sessionKey: number;
  readonly sessionId: string;
  readonly id: number;
  readonly now: number;
}

/** Runs inside the transaction that stores the event, once for each event. */
export function project(statements: Statements, event: Event, place: Place): void {
  const { sessionKey, sessionId, id, now } = place;
  const run = event.runId ?? null;
  if (isKnown(event, 'followersCatalog')) {
    statements.beginRun.run(sessionKey, run ?? '', id);
    for (const { name, os, tags } of event.hosts) {
      statements.listFollower.run(name, os, tags === undefined ? null : JSON.stringify(tags), sessionId, now);
    }
  } else if (isKnown(event, 'fenceStarted')) {
    statements.beginRun.run(sessionKey, run ?? '', id);
  } else if (isKnown(event, 'hostStarted')) {
    statements.beginRun.run(sessionKey, run ?? '', id);
    statements.startFollower.run(event.host, sessionId, run, now);
  } else if (isKnown(event, 'hostExited')) {
    const reason = event.reason ?? (event.signal === undefined ? 'exited' : 'signaled');
    statements.endFollower.run(event.host, sessionId, run, now, reason);
  } else if (isKnown(event, 'summary')) {
    statements.endRun.run(sessionKey, run ?? '', id, verdict(event));
  }
}

/** The exit code is the whole truth where there is one: a failed fence fails a run without failed hosts. */
function verdict({ exitCode, failed }: Summary): 'completed' | 'failed' {
  return (exitCode ?? failed.length) === 0 ? 'completed' : 'failed';
}
