/** Events the leader itself makes: numbered, of one epoch, ready for the spool and the consumer. */
import { randomUUID } from 'node:crypto';
import { AwError } from '../../contract/errors.ts';
import type { ExitReason, HostExited, KnownEvent } from '../../contract/events.ts';
import type { JournalItem } from '../journal.ts';

/** An event without what every event of this leader has. */
type Content<T> = T extends KnownEvent
  ? { type: T['type'] } & Partial<Omit<T, 'type'>> & Required<Pick<T, Needed<T>>>
  : never;
type Needed<T> = Exclude<
  { [K in keyof T]-?: string extends K ? never : object extends Pick<T, K> ? never : K }[keyof T],
  'type' | 'ts'
>;

export interface LeaderEvents {
  make(content: Content<KnownEvent>): JournalItem;
  /** A note for whoever looks at this run here. It has no number, because it goes to no service. */
  remark(message: string): JournalItem;
}

export function createLeaderEvents(runId: string): LeaderEvents {
  const epoch = randomUUID();
  let seq = 0;
  return {
    make(content) {
      const ts = new Date().toISOString();
      const event = { ts, origin: 'leader', epoch, seq: seq++, runId, ...content } as KnownEvent;
      return { event, line: JSON.stringify(event) };
    },
    remark(message) {
      const event = {
        type: 'note' as const,
        ts: new Date().toISOString(),
        origin: 'leader' as const,
        runId,
        message,
      };
      return { event, line: JSON.stringify(event) };
    },
  };
}

/**
 * Errors after which it is not known, or not certain, that nothing ran there. With any other the host was asked and
 * refused, or was never asked.
 */
const lost = new Set<string>([
  'AW_HOST_UNREACHABLE',
  'AW_AGENT_START_FAILED',
  'AW_PROTOCOL_MISMATCH',
  'AW_PROTOCOL_GARBAGE',
  'AW_FRAME_TOO_LARGE',
  'AW_UNAUTHORIZED',
  'AW_FORBIDDEN',
  'AW_RUN_LOST',
  'AW_INTERNAL',
]);

const reasons = new Map<string, ExitReason>([
  ['AW_RUN_CANCELLED', 'cancelled'],
  ['AW_RUN_TIMEOUT', 'timeout'],
]);

/** How a host ended as far as the leader can say it. */
export function exitContent(
  host: string,
  error: AwError,
  durationMs: number,
): { type: 'hostExited'; host: string; code: null; reason: ExitReason } & Pick<
  HostExited,
  'error' | 'durationMs'
> {
  const reason = reasons.get(error.code) ?? (lost.has(error.code) ? 'lost' : 'spawn-failed');
  return {
    type: 'hostExited',
    host,
    code: null,
    reason,
    error: error.toWire(),
    durationMs: Math.round(durationMs),
  };
}

/** Cancelled before anything was asked of the host. */
export function notStarted(host: string): AwError {
  return new AwError('AW_RUN_CANCELLED', { reason: 'it had not started here' }, { host });
}
