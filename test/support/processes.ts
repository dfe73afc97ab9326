/** What anybody on this machine can see of its processes. */
import { readdirSync, readFileSync } from 'node:fs';

/** The arguments of every process, joined by blanks. */
export function allArguments(): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        // It has just ended.
        return [];
      }
    });
}
