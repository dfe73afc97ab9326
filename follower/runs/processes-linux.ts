/** The processes of a Linux machine, from /proc. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import type { ProcessEntry } from './tree.ts';

/** All living ones; zombies are not. */
export function linuxProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => entryOf(Number(name)) ?? []);
}

/** Holds any `stat`: a name of at most 64 bytes and numbers. */
const statBuffer = Buffer.alloc(2048);

function entryOf(pid: number): ProcessEntry | undefined {
  const stat = readStat(pid);
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
      const environment = `\0${read(pid, 'environ') ?? ''}`;
      return assignments.every(assignment => environment.includes(`\0${assignment}\0`));
    },
    command: () =>
      read(pid, 'cmdline', 'utf8')?.replace(/\0$/, '').replaceAll('\0', ' ') ||
      `[${stat.slice(stat.indexOf('(') + 1, nameEnd)}]`,
  };
}

/** Asked of every process of the machine at the end of every run, so in as few system calls as can be. */
function readStat(pid: number): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
    return statBuffer.toString('latin1', 0, readSync(fd, statBuffer));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function read(pid: number, file: string, encoding: BufferEncoding = 'latin1'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, encoding);
  } catch {
    return undefined;
  }
}
