import { readFileSync } from 'node:fs';

/** Of this start of this machine, as a follower on it says it; empty where the system has no such thing. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
