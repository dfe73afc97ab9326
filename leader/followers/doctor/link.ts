/** How far the two clocks are apart, and how long a word takes there and back. */
import type { Finding } from '../../../contract/follower-api.ts';

/** Above this a build tool that compares times across machines goes wrong. Milliseconds. */
const SKEW_WARNING = 2_000;

/** `skewMs`: how far its clock is ahead, measured in an exchange that took `rttMs`. */
export function clock(skewMs: number, rttMs: number): Finding {
  const check = 'clock';
  // The answer was made at some moment of the exchange; and it has whole milliseconds.
  const doubt = rttMs / 2 + 1;
  const amount = Math.abs(skewMs);
  const seconds = (ms: number) => (ms < 1000 ? `${Math.ceil(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
  if (amount <= doubt) return { check, status: 'ok', detail: `as this one, within ${seconds(doubt)}` };
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  const detail = `${seconds(amount)} ${direction} this one, within ${seconds(doubt)}`;
  if (amount - doubt <= SKEW_WARNING) return { check, status: 'ok', detail };
  return {
    check,
    status: 'warning',
    detail,
    fix: 'turn on time synchronisation: sudo timedatectl set-ntp true (macOS: sudo sntp -sS time.apple.com; Windows: w32tm /resync)',
  };
}

/** `times`: milliseconds, at least one. */
export function roundTrip(times: readonly number[]): Finding {
  const sorted = times.toSorted((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  const detail = `${short(sorted[0]!)} at best, ${short(median)} in the median of ${times.length}`;
  return { check: 'round trip', status: 'ok', detail };
}

function short(ms: number): string {
  return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
}
