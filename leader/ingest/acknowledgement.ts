/** How far the service has confirmed what is in a spool. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export const spoolFile = (directory: string) => join(directory, 'spool.ndjson');
export const acknowledgementFile = (directory: string) => join(directory, 'spool.ack');

const Acknowledgement = z.object({ generation: z.int(), acknowledged: z.int().nonnegative() });

/** Undefined when it cannot be read: then nothing counts as acknowledged, and the service drops what it has. */
export function readAcknowledgement(directory: string): z.infer<typeof Acknowledgement> | undefined {
  try {
    return Acknowledgement.parse(JSON.parse(readFileSync(acknowledgementFile(directory), 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * True when nothing is left in the spool of a directory that the service has not confirmed. Also right while a leader
 * writes to it.
 */
export function isDelivered(directory: string): boolean {
  const size = statSync(spoolFile(directory), { throwIfNoEntry: false })?.size;
  return size === undefined || readAcknowledgement(directory)?.acknowledged === size;
}
