/** Hosts whose part of the run was the same. */
import type { KeptOutput } from './kept-output.ts';
import type { HostView } from './run-view.ts';
import { endingOf } from './verdict.ts';

/** Hosts with the same verdict and the same output. */
export interface Group {
  hosts: HostView[];
  output: KeptOutput;
}

/** In the order of their first hosts; without `isGrouping` each host is a group of its own. */
export function gather(
  hosts: readonly HostView[],
  outputs: ReadonlyMap<string, KeptOutput>,
  isGrouping: boolean,
): Group[] {
  const groups = new Map<string, Group>();
  for (const host of hosts) {
    const output = outputs.get(host.name);
    if (output === undefined) continue;
    const key = isGrouping ? `${endingOf(host).phrase} ${output.digest()}` : host.name;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { hosts: [host], output });
    else group.hosts.push(host);
  }
  return [...groups.values()];
}
