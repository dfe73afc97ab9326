/** Ids of sessions whose creator gave none: ULIDs, which sort by their time. */
import { randomBytes } from 'node:crypto';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 48 bits of time and 80 random ones, 26 characters. */
export function newSessionId(now: number): string {
  let time = '';
  for (let rest = now; time.length < 10; rest = Math.floor(rest / 32))
    time = `${CROCKFORD[rest % 32]}${time}`;
  return time + Array.from(randomBytes(16), byte => CROCKFORD[byte % 32]).join('');
}
