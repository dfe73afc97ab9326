/**
 * Reads one run's journal as a follower sends it, and believes nothing: every line must be the next event of this run
 * on this host, as the contract has it. Outlives connections, so that a new one goes on where the last one broke.
 */
import { isUtf8 } from 'node:buffer';
import { isKnown, withLine } from '../contract/event-parts.ts';
import { type Event, Event as EventSchema, type HostExited } from '../contract/events.ts';
import { MAX_LINE } from '../contract/limits.ts';
import { garbage } from './follower-http.ts';

/** An event and its JSON on one line, without the line break. */
export interface JournalItem {
  event: Event;
  line: string;
}

export interface Journal {
  readonly host: string;
  readonly runId: string;
  /** Of the event that must come next. */
  readonly nextSeq: number;
  /** Of the events so far; undefined before the first. */
  readonly epoch: string | undefined;
  /** The last event, once it was read. */
  readonly exited: HostExited | undefined;
  /**
   * Takes the next line, with its line break.
   * @throws AW_PROTOCOL_GARBAGE naming what is wrong with it.
   */
  read(line: Buffer): JournalItem;
}

/** Deeper JSON than any event needs makes recursive code fail far from here. */
const MAX_DEPTH = 32;

export function createJournal(host: string, runId: string): Journal {
  let nextSeq = 0;
  let epoch: string | undefined;
  let exited: HostExited | undefined;
  const isEvent = createEventCheck();

  return {
    host,
    runId,
    get nextSeq() {
      return nextSeq;
    },
    get epoch() {
      return epoch;
    },
    get exited() {
      return exited;
    },
    read(bytes) {
      const line = bytes.toString('utf8', 0, bytes.length - 1);
      const event = parse(line);
      const problem = isEvent(event);
      if (problem !== undefined) throw garbage(problem);
      const { seq } = event;
      if (exited !== undefined) throw garbage('an event after hostExited');
      if (event.origin !== 'follower') throw garbage(`an event of origin ${event.origin ?? 'leader'}`);
      if (event.runId !== runId) throw garbage(`an event of run ${String(event.runId)}`);
      if ('host' in event && event.host !== host) throw garbage('an event of another host');
      if (seq !== nextSeq) throw garbage(`event ${String(seq)} where ${nextSeq} was due`);
      if (epoch !== undefined && event.epoch !== epoch)
        throw garbage('the epoch changed in the middle of a run');
      if (event.epoch === undefined) throw garbage('an event without epoch');
      if ((seq === 0) !== (event.type === 'hostStarted')) {
        throw garbage(`${event.type} where ${seq === 0 ? 'hostStarted' : 'hostLog or hostExited'} was due`);
      }
      const item = { event, line: safeLine(event, line) };
      // As text once more only for whoever stores it: what goes on is what came.
      withLine(event, item.line === line && isUtf8(bytes) ? bytes : Buffer.from(`${item.line}\n`));
      epoch = event.epoch;
      nextSeq++;
      if (isKnown(event, 'hostExited')) exited = event;
      return item;
    },
  };
}

const logFields = new Set([
  'type',
  'ts',
  'origin',
  'transport',
  'seq',
  'epoch',
  'runId',
  'host',
  'stream',
  'message',
  'encoding',
  'offset',
]);

/**
 * The line as others may rely on it. A follower's own may hide a field behind a second one of that name, or be short here and
 * beyond `MAX_LINE` for whoever writes it anew (`1e9`); a plain `hostLog`, all short scalars, can do no harm. A carriage
 * return is space between JSON's words, and on a terminal the start of the row.
 */
function safeLine(event: Event, line: string): string {
  const isPlain = event.type === 'hostLog' && Object.keys(event).every(key => logFields.has(key));
  if (isPlain && !line.includes('\r')) return line;
  const own = JSON.stringify(event);
  if (Buffer.byteLength(own) > MAX_LINE) throw garbage(`an event larger than ${MAX_LINE} bytes`);
  return own;
}

function parse(line: string): Event {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw garbage('a line that is not JSON', error);
  }
}

/**
 * Says what is wrong with a parsed line as an `Event`. `hostLog`, which is nearly everything, is checked by hand
 * and no less strictly than by the schema.
 */
export function createEventCheck(): (event: Event) => string | undefined {
  let validTs: string | undefined;
  return event => {
    if (typeof event !== 'object' || event === null || Array.isArray(event))
      return 'a line that is no object';
    if (event.type === 'hostLog') {
      const isKnownTs = validTs !== undefined && event.ts === validTs;
      const problem = isKnownTs ? undefined : schemaProblem(event);
      if (problem !== undefined) return problem;
      validTs = event.ts;
      if (!isHostLog(event))
        return schemaProblem(event) ?? 'a hostLog whose message is not what its encoding says';
    } else {
      const problem = schemaProblem(event);
      if (problem !== undefined) return problem;
    }
    return isTooDeep(event, MAX_DEPTH) ? 'an event that is nested too deeply' : undefined;
  };
}

function schemaProblem(event: unknown): string | undefined {
  const parsed = EventSchema.safeParse(event);
  return parsed.success ? undefined : 'a line that is no event of the contract';
}

const name = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const runIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const transports: unknown[] = ['local', 'ssh', 'socks', 'rendezvous', 'relay', undefined];
const origins: unknown[] = ['leader', 'follower', 'server', undefined];

/** All of `HostLog` except `ts`. */
function isHostLog(event: Record<string, unknown>): boolean {
  const { host, runId, epoch } = event;
  return (
    (event.stream === 'stdout' || event.stream === 'stderr') &&
    typeof event.message === 'string' &&
    (event.encoding === undefined || (event.encoding === 'base64' && isBase64(event.message))) &&
    (event.offset === undefined || isCount(event.offset)) &&
    (event.seq === undefined || isCount(event.seq)) &&
    typeof host === 'string' &&
    name.test(host) &&
    (runId === undefined || (typeof runId === 'string' && runIdPattern.test(runId))) &&
    (epoch === undefined || (typeof epoch === 'string' && epoch.length > 0 && epoch.length <= 64)) &&
    origins.includes(event.origin) &&
    transports.includes(event.transport)
  );
}

/** Node decodes anything; text that does not come back as it was stands for no bytes. */
function isBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64') === text;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTooDeep(value: object, depth: number): boolean {
  if (depth === 0) return true;
  for (const key in value) {
    const inner = (value as Record<string, unknown>)[key];
    if (typeof inner === 'object' && inner !== null && isTooDeep(inner, depth - 1)) return true;
  }
  return false;
}
