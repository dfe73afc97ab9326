/** From raw values to events that may be stored: known types by their schema, unknown ones by their envelope. */
import { AwError } from '../../contract/errors.ts';
import { type Event, isKnown, KnownEvent, knownEventTypes, UnknownEvent } from '../../contract/events.ts';
import { MAX_LINE } from '../../contract/limits.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { RequestError } from '../http/request-error.ts';
import type { NewEvent } from '../store/index.ts';
import type { RawEvent } from './body.ts';

/** How many wrong fields an answer names. */
const MAX_ERRORS = 20;
const MAX_NESTING = 100;

/**
 * What is stored is the sender's own value, so fields this version does not know stay. It is written as JSON anew:
 * on one line, and with each name once, so that no reader can see another event than the one that was checked.
 * @throws RequestError naming the wrong fields of all events; AW_FRAME_TOO_LARGE
 */
export function validEvents(raw: readonly RawEvent[]): NewEvent[] {
  const errors: Record<string, string> = {};
  const events: NewEvent[] = [];
  for (const { label, value } of raw) {
    const problems = problemsOf(value);
    for (const [field, message] of Object.entries(problems)) errors[`${label}.${field}`] = message;
    if (Object.keys(errors).length >= MAX_ERRORS) break;
    if (Object.keys(problems).length === 0)
      events.push({ event: value as Event, json: jsonOf(label, value) });
  }
  const [first] = Object.entries(errors);
  if (first === undefined) return events;
  throw new RequestError(`${first[0]}: ${first[1]}`, {
    errors: Object.fromEntries(Object.entries(errors).slice(0, MAX_ERRORS)),
  });
}

/** By field; empty when the event is good. */
function problemsOf(value: unknown): Record<string, string> {
  const type = (value as { type?: unknown } | null | undefined)?.type;
  const schema = typeof type === 'string' && !knownEventTypes.has(type) ? UnknownEvent : KnownEvent;
  const result = schema.safeParse(value);
  if (!result.success) return fieldErrors(result.error);
  if (isDeeper(value, MAX_NESTING)) return { '(body)': `is nested more than ${MAX_NESTING} levels deep` };
  const event: Event = result.data;
  if (isKnown(event, 'hostLog') && event.encoding !== undefined && !isBase64(event.message)) {
    return { message: 'is not base64' };
  }
  return {};
}

function jsonOf(label: string, value: unknown): string {
  const json = JSON.stringify(value);
  if (Buffer.byteLength(json) > MAX_LINE) {
    throw new AwError('AW_FRAME_TOO_LARGE', { what: label, limit: MAX_LINE });
  }
  return json;
}

/** Readers in other languages walk a value recursively, as does JSON itself when it writes one. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some(inner => isDeeper(inner, levels - 1));
}

/** Node decodes anything; bytes that come back as another text would be other bytes than the sender had. */
function isBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64') === text;
}
