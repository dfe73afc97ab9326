import { randomBytes } from 'node:crypto';

/** Readable, sorted by time, and different also for runs of the same second. */
export function newRunId(now: Date = new Date()): string {
  const [day, time] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').split('T');
  return `r-${day}-${time}-${randomBytes(3).toString('hex')}`;
}
