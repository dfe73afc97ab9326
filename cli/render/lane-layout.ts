/** Which hosts have a row of their own in a frame, and which are counted together. */
import { type HostView, hasPassed } from './run-view.ts';

export type Section = 'failed' | 'silent' | 'running' | 'waiting' | 'left out' | 'passed';

/** A host by itself, or all `hosts` of a `section`, or of several, in one row. */
export type LaneRow = { host: HostView } | { section: Section | 'more'; hosts: readonly HostView[] };

/**
 * At most `room` rows, at least one, in which each host is exactly once. Where all hosts fit, they stand in the order
 * given, so that no row ever moves. Else failures come first, then hosts nobody hears from, then those at work; who has
 * passed or not begun is only counted. Failures leave half of the room to the others.
 */
export function layOut(hosts: readonly HostView[], room: number): LaneRow[] {
  if (hosts.length <= room) return hosts.map(host => ({ host }));
  const sections = sectionsOf(hosts);
  if (sections.length > room) {
    const named = sections.slice(0, Math.max(0, room - 1));
    const rest = sections.slice(named.length).flatMap(([, members]) => members);
    return [
      ...named.flatMap(([section, members]) => rowsOf(section, members, 0)),
      { section: 'more', hosts: rest },
    ];
  }
  // What each section could use beyond the one row it has anyway.
  const wanted = (name: Section) =>
    Math.max(0, (sections.find(([each]) => each === name)?.[1].length ?? 0) - 1);
  const spare = room - sections.length;
  const failed = Math.min(
    wanted('failed'),
    Math.max(Math.ceil(spare / 2), spare - wanted('silent') - wanted('running')),
  );
  const silent = Math.min(wanted('silent'), spare - failed);
  const extra = { failed, silent, running: spare - failed - silent, waiting: 0, 'left out': 0, passed: 0 };
  return sections.flatMap(([section, members]) => rowsOf(section, members, extra[section]));
}

export function sectionOf(host: HostView): Section {
  if (host.exit !== undefined && host.isExcluded) return 'left out';
  if (host.exit !== undefined) return hasPassed(host.exit) ? 'passed' : 'failed';
  if (host.link !== undefined) return 'silent';
  return host.phase === 'running' ? 'running' : 'waiting';
}

/** The sections that have members. */
function sectionsOf(hosts: readonly HostView[]): [Section, HostView[]][] {
  const members: Record<Section, HostView[]> = {
    failed: [],
    silent: [],
    running: [],
    waiting: [],
    'left out': [],
    passed: [],
  };
  for (const host of hosts) members[sectionOf(host)].push(host);
  return (Object.entries(members) as [Section, HostView[]][]).filter(([, each]) => each.length > 0);
}

/**
 * `extra` rows of single hosts and one for all others; the last of a section is named rather than counted. Where not all
 * have a row, hosts that have printed something come first.
 */
function rowsOf(section: Section, members: readonly HostView[], extra: number): LaneRow[] {
  if (extra >= members.length - 1) return members.map(host => ({ host }));
  const ordered = members.toSorted((a, b) => Number(b.hasPrinted) - Number(a.hasPrinted));
  return [...ordered.slice(0, extra).map(host => ({ host })), { section, hosts: ordered.slice(extra) }];
}
