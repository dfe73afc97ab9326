/** The processes of a macOS machine, from ps. */
import { execFile } from 'node:child_process';
import type { ProcessEntry } from './tree.ts';

/** All living ones. `assignments` is all that `hasVariables` can be asked for. */
export async function macosProcesses(assignments: readonly string[]): Promise<ProcessEntry[]> {
  const columns = ['-axww', '-o', 'pid=,ppid=,pgid=,stat=,lstart=,command='];
  // With -E the environment follows the command, as far as the system shows it; the command's end is not marked.
  const [plain, withVariables] = await Promise.all([ps(columns), ps(['-E', '-axww', '-o', 'pid=,command='])]);
  const marked = new Set<number>();
  for (const line of withVariables.split('\n')) {
    if (assignments.every(assignment => ` ${line} `.includes(` ${assignment} `)))
      marked.add(Number.parseInt(line, 10));
  }
  return plain.split('\n').flatMap(line => parseProcess(line, marked) ?? []);
}

const LINE = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]{8}\s+\d{4})\s+(.*)$/;

/** One line of `ps -o pid=,ppid=,pgid=,stat=,lstart=,command=`. */
export function parseProcess(line: string, marked: ReadonlySet<number>): ProcessEntry | undefined {
  const match = LINE.exec(line);
  if (match === null || match[4]!.startsWith('Z')) return undefined;
  const [, pid, parent, group, , mark, command] = match;
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    // ps shows no session numbers there; -1 is nobody's.
    session: -1,
    mark: mark!,
    startedSince: other => !(Date.parse(mark!) < Date.parse(other)),
    hasVariables: () => marked.has(Number(pid)),
    command: () => command!,
  };
}

/** In the C locale, so that dates are spelled as `startMark` compares them. */
function ps(args: string[]): Promise<string> {
  return new Promise((fulfil, reject) => {
    const options = { env: { LC_ALL: 'C' }, maxBuffer: 64 * 1024 * 1024, timeout: 10_000 };
    execFile('/bin/ps', args, options, (error, out) => (error === null ? fulfil(out) : reject(error)));
  });
}
