/** The agent's own log, on stderr. */
import { fstatSync, ftruncateSync, writeSync } from 'node:fs';

/** Where stderr is a file, it starts over at this length. */
const MAX_LOG = 1024 * 1024;
const STDERR = 2;

/** One line with its time. Never throws: an agent goes on without a log. */
export function log(message: string): void {
  try {
    const stat = fstatSync(STDERR);
    if (stat.isFile() && stat.size > MAX_LOG) ftruncateSync(STDERR, 0);
    writeSync(STDERR, `${new Date().toISOString()} ${message.replace(/[\r\n]+/g, ' ').slice(0, 2000)}\n`);
  } catch {
    // Nobody is there to be told.
  }
}
