/**
 * The format of a spool: a first line that says what earlier spools of this run held, then one event a line. Reading trusts
 * nothing behind the first line that is not whole: a leader that was killed, or a machine that lost power, leaves such.
 */
import { createReadStream, truncateSync } from 'node:fs';
import { z } from 'zod';
import { type Event, eventIdentity, HostExited, isKnown } from '../../contract/events.ts';
import { MAX_LINE } from '../../contract/limits.ts';
import { diskError } from '../state.ts';

/** What the events of a run so far say to somebody who goes on with it. */
export const SpoolFacts = z.object({
  /** The next `seq` by producer and epoch. */
  cursors: z.record(z.string(), z.int().nonnegative()),
  /** What the leader said of hosts that could not speak for themselves. */
  exits: z.record(z.string(), HostExited),
});
export type SpoolFacts = z.infer<typeof SpoolFacts>;

export const SpoolHeader = z.object({
  spool: z.literal(1),
  /** Counts the spools of one run; the acknowledgement names the one it is about. */
  generation: z.int().nonnegative(),
  facts: SpoolFacts,
});
export type SpoolHeader = z.infer<typeof SpoolHeader>;

export function noFacts(): SpoolFacts {
  return { cursors: {}, exits: {} };
}

/** True when these facts cover the event: it is in a spool already. */
export function holds(facts: SpoolFacts, event: Event): boolean {
  const identity = eventIdentity(event);
  if (identity === undefined) return false;
  return identity.seq < (facts.cursors[cursorKey(identity)] ?? 0);
}

/** Makes the facts cover the event. */
export function learn(facts: SpoolFacts, event: Event): void {
  const identity = eventIdentity(event);
  if (identity !== undefined) {
    const key = cursorKey(identity);
    facts.cursors[key] = Math.max(facts.cursors[key] ?? 0, identity.seq + 1);
  }
  if (event.origin !== 'follower' && isKnown(event, 'hostExited')) facts.exits[event.host] = event;
}

function cursorKey({ producer, epoch }: { producer: string; epoch: string }): string {
  return `${producer} ${epoch}`;
}

export interface SpoolContent {
  generation: number;
  facts: SpoolFacts;
  /** Of the first line, line break included. */
  headerLength: number;
  /** Of everything that is whole. */
  length: number;
}

/**
 * Reads a spool and cuts off what is not whole behind its last good line. Undefined when there is none, or not even a
 * first line.
 * @throws AW_DISK
 */
export async function readSpool(path: string): Promise<SpoolContent | undefined> {
  let content: SpoolContent | undefined;
  let size = 0;
  try {
    for await (const { line, length } of linesOf(path)) {
      const value = parse(line);
      if (content === undefined) {
        const header = SpoolHeader.safeParse(value);
        if (!header.success) return undefined;
        content = { ...header.data, headerLength: length, length };
        content.facts = structuredClone(header.data.facts);
      } else {
        if (typeof value !== 'object' || value === null || !('type' in value)) break;
        learn(content.facts, value as Event);
        content.length += length;
      }
      size = content.length;
    }
    if (content !== undefined) truncateSync(path, size);
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw diskError(path, error);
  }
}

/** Complete lines only, with their length in bytes; ends early at one that is longer than any event. */
async function* linesOf(path: string): AsyncGenerator<{ line: string; length: number }> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const bytes = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer]);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      yield { line: bytes.toString('utf8', start, end), length: end + 1 - start };
      start = end + 1;
    }
    held = bytes.subarray(start);
    // The first line of a run with a thousand hosts is longer than an event may be.
    if (held.length > 4 * MAX_LINE) return;
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
