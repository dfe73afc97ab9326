/** The processes of a Linux machine, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessEntry } from './tree.ts';

/** All living ones; zombies are not. */
export function linuxProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => entryOf(Number(name)) ?? []);
}

function entryOf(pid: number): ProcessEntry | undefined {
  const stat = read(pid, 'stat');
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

function read(pid: number, file: string, encoding: BufferEncoding = 'latin1'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, encoding);
  } catch {
    return undefined;
  }
}
