/** The two forms of an ingest body, as a list of raw events that each know what to be called in an error. */
import { AwError } from '../../contract/errors.ts';
import { MAX_INGEST_EVENTS, MAX_LINE } from '../../contract/limits.ts';
import { decodeUtf8, parseJson } from '../http/bodies.ts';
import { RequestError } from '../http/request-error.ts';

export interface RawEvent {
  /** `events.0` in JSON, `line.1` in NDJSON. */
  readonly label: string;
  readonly value: unknown;
}

/** `{ "events": [...] }` or the array alone. */
export function eventsOfJson(body: unknown): RawEvent[] {
  const list = Array.isArray(body) ? body : (body as { events?: unknown } | null | undefined)?.events;
  if (!Array.isArray(list)) {
    throw new RequestError('there is no list of events', { errors: { events: 'must be an array' } });
  }
  checkCount(list.length);
  return list.map((value, index) => ({ label: `events.${index}`, value }));
}

/** One event a line; empty lines are passed over. The last line needs no line break, for the body is known to be whole. */
export function eventsOfNdjson(bytes: Buffer): RawEvent[] {
  const lines = decodeUtf8(bytes).split('\n');
  const events: RawEvent[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '' || line === '\r') continue;
    const label = `line.${index + 1}`;
    if (line.length > MAX_LINE) throw new AwError('AW_FRAME_TOO_LARGE', { what: label, limit: MAX_LINE });
    checkCount(events.length + 1);
    events.push({ label, value: parseJson(line, label) });
  }
  return events;
}

function checkCount(count: number): void {
  if (count > MAX_INGEST_EVENTS) {
    throw new RequestError(`it has more than ${MAX_INGEST_EVENTS} events; send them in several requests`);
  }
}
