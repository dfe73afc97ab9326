/** What the events of a fence say to a person. */
import { isKnown } from '../../contract/event-parts.ts';
import type { Event, FenceResult } from '../../contract/events.ts';
import type { Rewritten } from '../../contract/trees.ts';
import { formatDuration } from './duration.ts';
import { foldNames } from './host-names.ts';
import { printable } from './printable.ts';
import { hostsWord } from './summary.ts';

/** Of the paths that hosts cannot have. */
const EXAMPLES = 3;

type FencedHost = FenceResult['hosts'][string];

/**
 * `fence: 3/3 hosts equal to tree-8f3a0c1d2e4b5f60 (1,204 files), 0.4 s`; which hosts are not; what hosts cannot have of the
 * project and run without. Nothing for other events. Why a host is not equal is in its own `hostExited`, with the remedy.
 */
export function fenceLines(event: Event): string[] {
  if (!isKnown(event, 'fenceResult')) return [];
  const { snapshotId, files, tookMs } = event;
  const hosts = Object.entries(event.hosts);
  const equal = hosts.filter(([, { state }]) => state === 'consistent');
  const others = Map.groupBy(
    hosts.filter(([, { state }]) => state !== 'consistent'),
    ([, { state, code }]) => printable(code ?? state),
  );
  const of = files === undefined ? '' : ` (${files.toLocaleString('en')} ${files === 1 ? 'file' : 'files'})`;
  const took = tookMs === undefined ? '' : `, ${formatDuration(tookMs)}`;
  const count = `${equal.length}/${hosts.length} ${hostsWord(hosts.length)}`;
  const not = [...others].map(([code, each]) => `; not ${namesOf(each)} (${code})`).join('');
  return [
    `fence: ${count} equal to ${printable(snapshotId)}${of}${took}${not}`,
    ...[...Map.groupBy(equal, ([, host]) => leftOutText(host))].flatMap(([text, each]) =>
      text === '' ? [] : [`fence: left out on ${namesOf(each)}: ${text}`],
    ),
    ...[...Map.groupBy(hosts, ([, { rewritten = [] }]) => rewrittenText(rewritten))].flatMap(
      ([text, each]) => (text === '' ? [] : [`fence: on ${namesOf(each)}: ${text}`]),
    ),
  ];
}

/**
 * `src/a.c and 3 more differed only in line endings: ...`; empty for none. Who did it is not known: it may have been done
 * here, too.
 */
export function rewrittenText(rewritten: readonly Rewritten[]): string {
  if (rewritten.length === 0) return '';
  const shown = rewritten.slice(0, EXAMPLES).map(({ path }) => printable(path));
  const more = rewritten.length - shown.length;
  const files = [shown.join(', '), ...(more === 0 ? [] : [`${more} more`])].join(' and ');
  return `${files} differed only in line endings: unless that was done here, a git there (core.autocrlf) or an editor has rewritten them`;
}

function namesOf(hosts: readonly [string, FencedHost][]): string {
  return foldNames(hosts.map(([name]) => name));
}

/** `Foo.txt (the same name as "foo.txt" there) and 3 more`; empty when the host has all. */
function leftOutText({ excludedPaths = [], excludedCount = excludedPaths.length }: FencedHost): string {
  if (excludedCount === 0) return '';
  const shown = excludedPaths
    .slice(0, EXAMPLES)
    .map(({ path, code, detail }) => `${printable(path)} (${printable(detail ?? code)})`);
  const more = excludedCount - shown.length;
  const rest = more === 0 ? [] : [`${more} more`];
  return [shown.join(', '), ...rest].filter(Boolean).join(' and ');
}
