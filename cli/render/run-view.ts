/** What the events of a run say so far about each of its hosts. */
import { isKnown } from '../../contract/event-parts.ts';
import type { Event, FenceResult, HostExited } from '../../contract/events.ts';
import type { HostEntry } from '../../contract/hosts.ts';

export interface HostView {
  readonly name: string;
  phase: 'waiting' | 'running' | 'ended';
  /** The caller's clock when the host started; undefined before. */
  startedAt?: number;
  /** Process id on the host, when one came to be. */
  pid?: number;
  exit?: HostExited;
  /** It has no part in the run, and none in its verdict. */
  isExcluded: boolean;
  /** What a fence does there; undefined when none is under way. */
  fence?: string;
  /** Whether it has printed anything. */
  hasPrinted: boolean;
  /** The caller's clock when the host itself was heard last. */
  heardAt?: number;
  /** Set while the link to the host is known to be bad. */
  link?: string;
}

export interface RunView {
  /** In the catalogue's order. */
  readonly hosts: ReadonlyMap<string, HostView>;
  /** `now` in milliseconds, of any clock that only goes forward. Events of unknown hosts change nothing. */
  apply(event: Event, now: number): void;
}

export function createRunView(hosts: readonly Pick<HostEntry, 'name'>[]): RunView {
  const views = new Map<string, HostView>(
    hosts.map(({ name }) => [name, { name, phase: 'waiting', isExcluded: false, hasPrinted: false }]),
  );
  return {
    hosts: views,
    apply(event, now) {
      if (isKnown(event, 'fenceResult')) applyFence(views, event);
      else if (isKnown(event, 'summary')) for (const name of event.excluded ?? []) exclude(views.get(name));
      const name = 'host' in event && typeof event.host === 'string' ? event.host : undefined;
      const view = name === undefined ? undefined : views.get(name);
      if (view !== undefined) applyToHost(view, event, now);
    },
  };
}

function applyFence(views: ReadonlyMap<string, HostView>, { hosts }: FenceResult): void {
  for (const [name, view] of views) {
    delete view.fence;
    if (Object.hasOwn(hosts, name) && hosts[name]!.excluded === true) exclude(view);
  }
}

function exclude(view: HostView | undefined): void {
  if (view !== undefined) view.isExcluded = true;
}

function applyToHost(view: HostView, event: Event, now: number): void {
  switch (event.type) {
    case 'hostStarted':
      view.phase = 'running';
      view.startedAt = now;
      view.heardAt = now;
      if (typeof event.pid === 'number') view.pid = event.pid;
      break;
    case 'hostLog':
      view.hasPrinted = true;
      view.heardAt = now;
      break;
    case 'hostExited':
      view.phase = 'ended';
      view.exit = event as HostExited;
      delete view.link;
      break;
    case 'fenceProgress':
      view.fence = String(event.phase);
      break;
    case 'connect.path.degraded':
      view.link = 'connection lost, trying again';
      break;
    case 'connect.path.fixed':
    case 'connect.path.restored':
      delete view.link;
      break;
  }
}

/** Ended hosts that did not pass. */
export function failedHosts(view: RunView): HostView[] {
  return endedHosts(view).filter(host => !hasPassed(host.exit!) && !host.isExcluded);
}

export function excludedHosts(view: RunView): HostView[] {
  return endedHosts(view).filter(host => host.isExcluded);
}

export function passedHosts(view: RunView): HostView[] {
  return endedHosts(view).filter(host => hasPassed(host.exit!) && !host.isExcluded);
}

/** A host passed only if its command exited with 0. */
export function hasPassed(exit: Pick<HostExited, 'code' | 'reason'>): boolean {
  return (exit.reason === undefined || exit.reason === 'exited') && exit.code === 0;
}

export function openHosts(view: RunView): HostView[] {
  return [...view.hosts.values()].filter(host => host.exit === undefined);
}

function endedHosts(view: RunView): HostView[] {
  return [...view.hosts.values()].filter(host => host.exit !== undefined);
}
