/** What programs read out of events most often. Apart from the schemas, so that showing events does not load those. */
import type { Event, HostLog, KnownEvent } from './events.ts';

/** True for the events a follower makes, also for those it hands on from a newer version of itself. */
export function isKnown<T extends KnownEvent['type']>(
  event: Event,
  type: T,
): event is Extract<KnownEvent, { type: T }> {
  return event.type === type;
}

/** The bytes a `hostLog` carries. */
export function logBytes(event: Pick<HostLog, 'message' | 'encoding'>): Buffer {
  return Buffer.from(event.message, event.encoding ?? 'utf8');
}

/**
 * The identity under which every hop drops duplicates: `producer` is the follower's name for a follower's events.
 * Undefined for the short forms without numbers, which cannot be told apart and are therefore always kept.
 */
export function eventIdentity(event: Event): { producer: string; epoch: string; seq: number } | undefined {
  if (event.epoch === undefined || event.seq === undefined) return undefined;
  const host = 'host' in event && typeof event.host === 'string' ? event.host : '';
  const producer = event.origin === 'follower' ? `follower/${host}` : (event.origin ?? 'leader');
  return { producer, epoch: event.epoch, seq: event.seq };
}

const lines = new WeakMap<Event, Uint8Array>();

/** Keeps the line an event came as, in UTF-8 and with its line break, so that whoever hands it on need not write it anew. */
export function withLine(event: Event, line: Uint8Array): Event {
  lines.set(event, line);
  return event;
}

/** The event as JSON on one line, with its line break: as it came, if that is known. */
export function lineOf(event: Event): string | Uint8Array {
  return lines.get(event) ?? `${JSON.stringify(event)}\n`;
}
