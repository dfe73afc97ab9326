/** Telling a process from a later one with the same number. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A mark of when a process started: equal for two looks at one process, different for the next holder of its number.
 * Comparable only within one boot. Undefined when there is no such process (a zombie is none), or no way to tell (Windows).
 */
export function startMark(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The name in parentheses may hold anything; behind it come the state and, as the 20th field, the start time.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    }
    if (process.platform === 'win32') return undefined;
    const lines = execFileSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { LC_ALL: 'C' },
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return lines.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** False only when it is certain that the process with this number and mark is gone. */
export function isAlive(pid: number, mark: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (mark === undefined) return true;
  const now = startMark(pid);
  return now === undefined ? process.platform === 'win32' : now === mark;
}
