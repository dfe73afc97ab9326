/** At an sshd's door: how many may ask for a login at one time, and how often one asks again who was not let in to ask. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AwError } from '../../../contract/errors.ts';
import { createSlots, type Slots } from '../../slots.ts';
import type { Limit } from '../limit.ts';

/** An sshd of default settings begins to turn connections away when ten of them have not logged in yet. */
const AT_ONCE = 8;
const TRIES = 7;
/** Milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;

/** The connection was closed before a word of SSH: an sshd with too much to do, not one that knows who is asking. */
export class TurnedAway {
  readonly error: AwError;
  constructor(error: AwError) {
    this.error = error;
  }
}

const doors = new Map<string, { slots: Slots; visitors: number }>();

/**
 * Makes `attempt` when it is its turn at this door, and again when it throws `TurnedAway`, with growing pauses of random
 * length: others who were turned away at the same moment must not all come back together.
 * @throws what `attempt` throws, what `limit` says
 */
export async function knock<T>(door: string, limit: Limit, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1, pause = FIRST_PAUSE; ; tries++, pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const leave = await enter(door, limit);
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof TurnedAway)) throw thrown;
      if (tries === TRIES) throw thrown.error;
      limit.waitFor(() => thrown.error.details.reason as string);
    } finally {
      leave();
    }
    await limit.race(sleep(pause * (0.5 + Math.random()), undefined, { signal: limit.passed }));
  }
}

/** Resolves with the function that leaves. */
async function enter(name: string, limit: Limit): Promise<() => void> {
  const door = doors.get(name) ?? { slots: createSlots(AT_ONCE), visitors: 0 };
  doors.set(name, door);
  door.visitors++;
  const giveBack = await door.slots.take(limit.passed);
  const leave = () => {
    giveBack?.();
    if (--door.visitors === 0) doors.delete(name);
  };
  if (giveBack !== undefined) return leave;
  leave();
  return limit.race(new Promise<never>(() => {}));
}
