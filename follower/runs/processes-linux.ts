/** The processes of a Linux machine, from /proc. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import type { ProcessEntry } from './tree.ts';

/** All living ones; zombies are not. */
export function linuxProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => entryOf(Number(name)) ?? []);
}

/** As many starts later a look at each number is still cheaper than one at the whole machine. */
const FEW = 256;

/** How many processes and threads this machine has started so far. */
export function countStarts(): number | undefined {
  const [, count] = /^processes (\d+)$/m.exec(readAtOnce('stat') ?? '') ?? [];
  return count === undefined ? undefined : Number(count);
}

/**
 * Of the living processes those with the number `pid` or one given out after it, and no other is looked at: numbers are
 * given out in turn. `starts` is how many were started before that. Undefined when too many have been started since, when
 * the turn may have begun anew, and where what the kernel says of itself does not agree, as in some containers.
 */
export function linuxProcessesSince(pid: number, starts: number): ProcessEntry[] | undefined {
  const entries: ProcessEntry[] = [];
  // One that was started while its parent's number was looked at has a later one.
  for (let next = pid, last = latest(); last !== undefined && last >= pid; last = latest()) {
    if (next > last) return entries;
    const since = (countStarts() ?? 0) - starts;
    if (since > FEW || last - pid >= since) return undefined;
    for (; next <= last; next++) {
      const entry = isProcess(next) ? entryOf(next) : undefined;
      if (entry !== undefined) entries.push(entry);
    }
  }
  return undefined;
}

/** The number that was given out last. */
function latest(): number | undefined {
  const last = Number(readAtOnce('loadavg')?.trimEnd().split(' ').at(-1));
  return Number.isInteger(last) ? last : undefined;
}

/** Threads have numbers, too, and directories that are not listed. */
function isProcess(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && readAtOnce(`${pid}/status`)?.includes(`\nTgid:\t${pid}\n`) === true;
}

/** Holds nearly anything that the kernel says at once. */
const buffer = Buffer.alloc(64 * 1024);

function entryOf(pid: number): ProcessEntry | undefined {
  const stat = readAtOnce(`${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold anything, also spaces and parentheses.
  const nameEnd = stat.lastIndexOf(')');
  const fields = stat.slice(nameEnd + 2).split(' ');
  const state = fields[0]!;
  const mark = fields[19]!;
  if (state === 'Z' || state === 'X') return undefined;
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    mark,
    startedSince: other => Number(mark) >= Number(other),
    hasVariables: assignments => {
      const environment = `\0${readAtOnce(`${pid}/environ`) ?? ''}`;
      return assignments.every(assignment => environment.includes(`\0${assignment}\0`));
    },
    command: () =>
      read(`${pid}/cmdline`, 'utf8')?.replace(/\0$/, '').replaceAll('\0', ' ') ||
      `[${stat.slice(stat.indexOf('(') + 1, nameEnd)}]`,
  };
}

/** Asked of many processes at the end of every run, so in as few system calls as can be. */
function readAtOnce(file: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${file}`, 'r');
    const length = readSync(fd, buffer);
    return length < buffer.length ? buffer.toString('latin1', 0, length) : read(file);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function read(file: string, encoding: BufferEncoding = 'latin1'): string | undefined {
  try {
    return readFileSync(`/proc/${file}`, encoding);
  } catch {
    return undefined;
  }
}
