/** The sentences a run ends with. */
import type { Survivor } from '../../contract/events.ts';
import { foldNames, hostArgument } from './host-names.ts';
import { printable } from './printable.ts';
import type { HostView, RunView } from './run-view.ts';
import { excludedHosts, failedHosts, openHosts, passedHosts } from './run-view.ts';
import { endingOf } from './verdict.ts';

/** `3/3 hosts: passed`, or `48/50 hosts passed; failed: lin-[07,09] (exit 1); left out: mac-01 (AW_FENCE_TIMEOUT)`. */
export function summaryLine(view: RunView): string {
  const total = view.hosts.size;
  const passed = passedHosts(view).length;
  if (passed === total) return `${total}/${total} ${hostsWord(total)}: passed`;
  const failed = Map.groupBy(failedHosts(view), host => endingOf(host).phrase);
  const open = openHosts(view);
  const excluded = Map.groupBy(excludedHosts(view), ({ exit }) => exit?.error?.code ?? '');
  return [
    `${passed}/${total} ${hostsWord(total)} passed`,
    ...(failed.size > 0
      ? [`failed: ${[...failed].map(([phrase, hosts]) => `${namesOf(hosts)} (${phrase})`).join(', ')}`]
      : []),
    ...(excluded.size > 0 ? [`left out: ${[...excluded].map(leftOutText).join(', ')}`] : []),
    ...(open.length > 0 ? [`not finished: ${namesOf(open)}`] : []),
  ].join('; ');
}

function leftOutText([code, hosts]: [string, HostView[]]): string {
  return code === '' ? namesOf(hosts) : `${namesOf(hosts)} (${printable(code)})`;
}

function namesOf(hosts: readonly HostView[]): string {
  return foldNames(hosts.map(host => host.name));
}

/**
 * What became of the processes of a cancelled run: `3/3 hosts: all processes gone`, or which hosts still have some or
 * could not be asked.
 */
export function cancelLines(view: RunView): string[] {
  const hosts = [...view.hosts.values()];
  const left = hosts.filter(host => (host.exit?.survivors?.length ?? 0) > 0);
  const unknown = hosts.filter(host => host.exit?.survivors === undefined && !isNothingToEnd(host));
  const gone = hosts.length - left.length - unknown.length;
  const doctor = `aw agent followers doctor --host ${hostArgument(unknown.map(host => host.name))}`;
  return [
    `${gone}/${hosts.length} ${hostsWord(hosts.length)}: all processes gone`,
    ...left.map(({ name, exit }) => `${name}: still running: ${survivorList(exit!.survivors!)}`),
    ...(unknown.length > 0 ? [`${namesOf(unknown)}: could not be confirmed; ${doctor}`] : []),
  ];
}

/** No process of this run ever was there: it was not started, or ended before it was. */
function isNothingToEnd({ exit, pid }: HostView): boolean {
  return pid === undefined && (exit?.reason === 'spawn-failed' || exit?.reason === 'cancelled');
}

/** What an ended host was left with: background processes of the command. */
export function leftRunningLines({ name, exit }: Pick<HostView, 'name' | 'exit'>): string[] {
  const survivors = exit?.survivors ?? [];
  return survivors.length === 0 ? [] : [`left running on ${name}: ${survivorList(survivors)}`];
}

/** `pid 12 (sleep 100), pid 13 (node)` */
function survivorList(survivors: readonly Survivor[]): string {
  const shown = survivors
    .slice(0, 5)
    .map(({ pid, command }) => `pid ${pid} (${printable(command).slice(0, 80)})`);
  const more = survivors.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

export function hostsWord(count: number): string {
  return count === 1 ? 'host' : 'hosts';
}
