/** The results of a run for a person: each host's output, failures first, identical ones gathered, and a table. */
import { type ColourState, forPipe, forTerminal } from './control-sequences.ts';
import { formatBytes, formatDuration } from './duration.ts';
import { errorLines } from './error-text.ts';
import type { KeptOutput, Piece, StreamName } from './kept-output.ts';
import { createLineSplitter } from './lines.ts';
import { printable } from './printable.ts';
import type { StreamTraits, Surroundings } from './renderer.ts';
import { failedHosts, type HostView, hasPassed, openHosts, passedHosts } from './run-view.ts';
import { hostsWord, leftRunningLines, summaryLine } from './summary.ts';
import { endingOf, isSaid } from './verdict.ts';

/** Hosts with the same verdict and the same output. */
interface Group {
  hosts: HostView[];
  output: KeptOutput;
}

/** Writes the results of all hosts to stdout. `outputs` is what each host printed. */
export function writeResults(surroundings: Surroundings, outputs: ReadonlyMap<string, KeptOutput>): void {
  const { view, stdout, write, quiet } = surroundings;
  const ordered = [...failedHosts(view), ...openHosts(view), ...passedHosts(view)];
  let separator = '';
  for (const group of gather(ordered, outputs, surroundings.group)) {
    if (quiet && group.output.isEmpty() && group.hosts.every(host => host.exit?.error === undefined))
      continue;
    write('stdout', `${separator}${heading(group, stdout)}\n`);
    separator = '\n';
    writeOutput(group, surroundings);
    for (const { name, exit } of group.hosts) {
      if (exit?.error === undefined || isSaid(exit)) continue;
      for (const line of errorLines(exit.error, stdout.paint, name)) write('stdout', `  ${line}\n`);
    }
  }
  if (quiet) return;
  write('stdout', `\n${table([...view.hosts.values()], stdout).join('\n')}\n`);
  write('stdout', `${stdout.paint('bold', summaryLine(view))}\n`);
}

function gather(
  hosts: readonly HostView[],
  outputs: ReadonlyMap<string, KeptOutput>,
  isGrouping: boolean,
): Group[] {
  const groups = new Map<string, Group>();
  for (const host of hosts) {
    const output = outputs.get(host.name);
    if (output === undefined) continue;
    const key = isGrouping ? `${endingOf(host.exit).phrase} ${output.digest()}` : host.name;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { hosts: [host], output });
    else group.hosts.push(host);
  }
  return [...groups.values()];
}

/** `✗ c: exit 1 (3.2 s)`, `✓ a, b: identical output, passed (3.1 s - 4.0 s)`. */
function heading({ hosts, output }: Group, { paint }: StreamTraits): string {
  const { glyph, colour, phrase } = endingOf(hosts[0]!.exit);
  const names = hosts.map(host => host.name).join(', ');
  const alike = hosts.length === 1 ? '' : output.isEmpty() ? 'no output, ' : 'identical output, ';
  const none = hosts.length === 1 && output.isEmpty() ? ', no output' : '';
  const took = durationRange(hosts);
  return `${paint([colour, 'bold'], `${glyph} ${names}: ${alike}${phrase}${none}`)}${took}`;
}

function durationRange(hosts: readonly HostView[]): string {
  const all = hosts.flatMap(host => host.exit?.durationMs ?? []);
  if (all.length === 0) return '';
  const [least, most] = [formatDuration(Math.min(...all)), formatDuration(Math.max(...all))];
  return ` (${least === most ? least : `${least} - ${most}`})`;
}

function writeOutput({ output }: Group, surroundings: Surroundings): void {
  const { head, omitted, tail } = output.pieces();
  writePieces(head, surroundings);
  if (omitted > 0) {
    const where = `aw agent runs attach ${surroundings.runId} --output prefix shows all of it`;
    surroundings.write('stdout', `  ... ${formatBytes(omitted)} left out here; ${where}\n`);
  }
  writePieces(tail, surroundings);
}

function writePieces(pieces: readonly Piece[], { write, stdout }: Surroundings): void {
  const streams: Record<
    StreamName,
    { splitter: ReturnType<typeof createLineSplitter>; colours: ColourState }
  > = {
    stdout: { splitter: createLineSplitter(), colours: { active: '' } },
    stderr: { splitter: createLineSplitter(), colours: { active: '' } },
  };
  const print = (text: string, colours: ColourState) => {
    if (stdout.isTerminal) write('stdout', `  ${forTerminal(text, colours, stdout.colour)}\n`);
    else write('stdout', Buffer.from(`  ${forPipe(text, stdout.colour)}\n`, 'latin1'));
  };
  for (const { stream, text } of pieces) {
    const { splitter, colours } = streams[stream];
    for (const line of splitter.push(text)) print(line.text, colours);
  }
  for (const { splitter, colours } of Object.values(streams)) {
    for (const line of splitter.end()) print(line.text, colours);
  }
}

/** A row for each host: verdict, exit code or signal, duration; then what hosts were left with. */
function table(hosts: readonly HostView[], { paint }: StreamTraits): string[] {
  const width = Math.max(4, ...hosts.map(host => host.name.length));
  const header = `${'host'.padEnd(width)}  ${'verdict'.padEnd(14)}  ${'exit'.padEnd(8)}  duration`;
  const rows = hosts.map(({ name, exit }) => {
    const { glyph, word, colour } = endingOf(exit);
    const code = exit?.code?.toString() ?? printable(exit?.signal ?? '-');
    const took = exit?.durationMs === undefined ? '-' : formatDuration(exit.durationMs);
    const verdict = paint(colour, `${glyph} ${word}`.padEnd(14));
    return `${name.padEnd(width)}  ${verdict}  ${code.padEnd(8)}  ${took.padStart(8)}`;
  });
  return [paint('dim', header), ...rows, ...hosts.flatMap(leftRunningLines)];
}

/** What a row of the live display says while hosts are at work: `3 hosts: 1 passed, 2 running`. */
export function progressLine(hosts: readonly HostView[]): string {
  const count = (isCounted: (host: HostView) => boolean) => hosts.filter(isCounted).length;
  const parts: [number, string][] = [
    [count(host => host.exit !== undefined && !hasPassed(host.exit)), 'failed'],
    [count(host => host.exit !== undefined && hasPassed(host.exit)), 'passed'],
    [count(host => host.phase === 'running'), 'running'],
    [count(host => host.phase === 'waiting'), 'waiting'],
  ];
  const shown = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return `${hosts.length} ${hostsWord(hosts.length)}: ${shown.join(', ')}`;
}
