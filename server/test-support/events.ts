/** Events as tests make them. */
import type { HostLog } from '../../contract/events.ts';

export const ts = '2026-01-01T00:00:00.000Z';

/** Number `seq` of a follower's run. */
export function log(seq: number, message = `line ${seq}\n`, more: object = {}): HostLog {
  const at = { origin: 'follower', epoch: 'e1', seq, runId: 'r1', host: 'a' } as const;
  return { type: 'hostLog', ts, ...at, stream: 'stdout', message, ...more };
}

export function logs(from: number, count: number): HostLog[] {
  return Array.from({ length: count }, (_, index) => log(from + index));
}

/** `[from, from + 1, ... to]` */
export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
