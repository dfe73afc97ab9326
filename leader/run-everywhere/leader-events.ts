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
  /** With the next number: for the spool. */
  make(content: Content<KnownEvent>): JournalItem;
  /** Only for whoever looks at this run here: what goes to no service has no number, so that numbers have no gaps there. */
  remark(content: Content<KnownEvent>): JournalItem;
}

export function createLeaderEvents(runId: string): LeaderEvents {
  const epoch = randomUUID();
  let seq = 0;
  const item = (fields: object): JournalItem => {
    const event = { ts: new Date().toISOString(), origin: 'leader', runId, ...fields } as KnownEvent;
    return { event, line: JSON.stringify(event) };
  };
  return {
    make: content => item({ epoch, seq: seq++, ...content }),
    remark: item,
  };
}

/**
 * Errors after which it is not known, or not certain, that nothing ran there. With any other the host was asked and
 * refused, or was never asked.
 */
const lost = new Set<string>([
  'AW_HOST_UNREACHABLE',
  'AW_AGENT_START_FAILED',
  'AW_AGENT_MISSING',
  'AW_INSTALL_NO_NODE',
  'AW_INSTALL_UNSUPPORTED',
  'AW_INSTALL_DIGEST',
  'AW_INSTALL_FAILED',
  'AW_SSH_HOST_KEY_UNKNOWN',
  'AW_SSH_HOST_KEY_CHANGED',
  'AW_SSH_HOST_KEY_REVOKED',
  'AW_SSH_AUTH_REFUSED',
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
