/** How long a run will still take, where the hosts that are done say so. */
import { type HostView, hasPassed } from './run-view.ts';

/** So many hosts have to be done before their times say something about the others. */
const ENOUGH = 3;

/** A host that has taken this part of the longest time is no longer expected to end like the others. */
const LATE = 0.9;

/**
 * Milliseconds until the last host is done: hosts at work take as long as most of those that passed, hosts that wait
 * take over from them one by one. Undefined while too few have passed, and when a host takes longer than those did:
 * then nothing is known about it. So it is for hosts that all began at once: who is left is always the slowest so far.
 */
export function remainingTime(hosts: readonly HostView[], now: number): number | undefined {
  const taken = hosts
    .flatMap(({ exit }) => (exit !== undefined && hasPassed(exit) ? (exit.durationMs ?? []) : []))
    .sort((a, b) => a - b);
  if (taken.length < ENOUGH) return undefined;
  const usual = taken[Math.floor(taken.length / 2)]!;
  const longest = taken.at(-1)!;
  const free: number[] = [];
  let waiting = 0;
  for (const host of hosts) {
    if (host.phase === 'waiting') waiting += 1;
    if (host.phase !== 'running') continue;
    const elapsed = now - host.startedAt!;
    if (elapsed > LATE * longest) return undefined;
    free.push((elapsed < usual ? usual : longest) - elapsed);
  }
  if (free.length === 0) return undefined;
  for (; waiting > 0; waiting--) {
    const soonest = free.indexOf(Math.min(...free));
    free[soonest]! += usual;
  }
  return Math.max(...free);
}
