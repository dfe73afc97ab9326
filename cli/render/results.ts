/**
 * The results of a run for a person.
 *
 * Output comes first, failures before what passed: whoever reads from the top, or searches a log, meets them first. What
 * has to be seen without scrolling comes last, where a terminal stands when the command is done: the table with the
 * failures at its bottom, then each error once with its remedy, then the sum, which names the failed hosts again.
 */
import { type ColourState, forPipe, forTerminal } from './control-sequences.ts';
import { firstDifference } from './difference.ts';
import { formatBytes, formatDuration } from './duration.ts';
import { jointErrorLines } from './error-text.ts';
import { type Group, gather } from './groups.ts';
import { hostsText } from './host-names.ts';
import type { KeptOutput, Piece, StreamName } from './kept-output.ts';
import { createLineSplitter } from './lines.ts';
import type { StreamTraits, Surroundings } from './renderer.ts';
import { resultTable } from './result-table.ts';
import { excludedHosts, failedHosts, openHosts, passedHosts } from './run-view.ts';
import { leftRunningLines, summaryLine } from './summary.ts';
import { endingOf, isSaid } from './verdict.ts';

/** Writes the results of all hosts to stdout. `outputs` is what each host printed. */
export function writeResults(surroundings: Surroundings, outputs: ReadonlyMap<string, KeptOutput>): void {
  const { view, stdout, write, quiet } = surroundings;
  const ordered = [...failedHosts(view), ...openHosts(view), ...excludedHosts(view), ...passedHosts(view)];
  const say = (line: string) => write('stdout', `${line}\n`);
  const groups = gather(ordered, outputs, surroundings.group);
  const majority = groups.find(group => group.hosts.length > view.hosts.size / 2);
  const blocks = quiet ? groups.filter(group => !group.output.isEmpty()) : groups;
  for (const [index, group] of blocks.entries()) {
    // Blocks without output stand together, as a list.
    if (index > 0 && !(group.output.isEmpty() && blocks[index - 1]!.output.isEmpty())) say('');
    say(heading(group, stdout));
    writeOutput(group, surroundings);
    if (majority !== undefined && majority !== group) {
      for (const line of differenceLines(group, majority)) say(stdout.paint('dim', line));
    }
  }
  const errors = ordered.flatMap(({ name, exit }) =>
    exit?.error === undefined || isSaid(exit) ? [] : { host: name, error: exit.error },
  );
  const errorLines = jointErrorLines(errors, stdout.paint);
  if (!quiet) {
    say('');
    const rows = [...passedHosts(view), ...excludedHosts(view), ...openHosts(view), ...failedHosts(view)];
    for (const line of resultTable(rows, stdout.paint)) say(line);
    for (const line of rows.flatMap(leftRunningLines)) say(line);
  }
  if (errorLines.length > 0 && (!quiet || blocks.length > 0)) say('');
  for (const line of errorLines) say(line);
  if (quiet) return;
  if (errorLines.length > 0) say('');
  say(stdout.paint('bold', summaryLine(view)));
}

/** Where a group begins to differ from what most hosts printed. */
function differenceLines({ output }: Group, most: Group): string[] {
  if (output.isEmpty() || most.output.isEmpty()) return [];
  const difference = firstDifference(output, most.output);
  if (difference === undefined) return [];
  const { stream, line, here, there } = difference;
  const shown = (text: string | undefined) => (text === undefined ? '(no more output)' : text.slice(0, 200));
  return [
    `  ~ differs from what ${most.hosts.length} hosts printed, first in line ${line} of ${stream}:`,
    `    there: ${shown(there)}`,
    `    here:  ${shown(here)}`,
  ];
}

/** `✗ c: exit 1 (3.2 s)`, `✓ lin-[01-47] (47 hosts): identical output, passed (3.1 s - 4.0 s)`. */
function heading({ hosts, output }: Group, { paint }: StreamTraits): string {
  const { glyph, colour, phrase } = endingOf(hosts[0]!);
  const names = hostsText(hosts.map(host => host.name));
  const alike = hosts.length === 1 || output.isEmpty() ? '' : 'identical output, ';
  const none = output.isEmpty() ? ', no output' : '';
  const took = durationRange(hosts);
  return `${paint([colour, 'bold'], `${glyph} ${names}: ${alike}${phrase}${none}`)}${took}`;
}

function durationRange(hosts: Group['hosts']): string {
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
