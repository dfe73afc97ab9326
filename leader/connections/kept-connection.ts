/** A connection that stays when those who used it have gone. */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { createClient, type FollowerClient } from '../follower-client.ts';
import type { FollowerConnection } from '../follower-connection.ts';
import type { Place } from './status.ts';

/**
 * Milliseconds. Between the pings of a watch and more: a connection that has answered the last one is handed out at once,
 * one that has not, or whose machine was asleep since, is asked first.
 */
const FRESH = 2_500;
/** To the answer, at least; else this many times what it took last. */
const ANSWER = 1_000;
const ANSWER_ROUND_TRIPS = 4;

export interface KeptConnection {
  readonly key: string;
  readonly place: Place;
  readonly connection: FollowerConnection;
  readonly leases: number;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
  readonly lastUsedAt: number;
  /** May be handed out. Once false it stays so. */
  readonly isUsable: boolean;
  /** Whether the other end is there now. If not it is not usable any more; clients that it has may still see it come back. */
  isAnswering(): Promise<boolean>;
  /** A client of its own streams. */
  lease(headers: Record<string, string>): FollowerClient;
  /** Ends it, with what its clients have under way. */
  destroy(): void;
}

/** @param onRelease called when its last client has gone */
export function keepConnection(
  key: string,
  place: Place,
  connection: FollowerConnection,
  onRelease: () => void,
): KeptConnection {
  const { session, watch } = connection;
  const connectedAt = Date.now();
  let leases = 0;
  let lastUsedAt = connectedAt;
  let isRetired = false;
  let asking: Promise<boolean> | undefined;

  const ask = async (): Promise<boolean> => {
    const limit = Math.max(ANSWER, ANSWER_ROUND_TRIPS * (watch.rttMs ?? connection.rttMs));
    const answered = new AbortController();
    const asked = watch.ping().then(
      () => answered.abort(),
      () => answered.abort(),
    );
    await Promise.race([asked, sleep(limit, undefined, { signal: answered.signal }).catch(() => {})]);
    // Had this process no time to look, the answer may be there unread.
    await setImmediate();
    if (watch.silentFor() <= FRESH) return true;
    isRetired = true;
    if (leases === 0) connection.destroy();
    return false;
  };

  return {
    key,
    place,
    connection,
    connectedAt,
    get leases() {
      return leases;
    },
    get lastUsedAt() {
      return lastUsedAt;
    },
    get isUsable() {
      return !isRetired && !session.closed && !session.destroyed;
    },
    async isAnswering() {
      if (watch.silentFor() <= FRESH) return true;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    lease(headers) {
      leases++;
      lastUsedAt = Date.now();
      return createClient(connection, headers, place.host, () => {
        leases--;
        lastUsedAt = Date.now();
        if (leases > 0) return;
        if (isRetired) connection.destroy();
        onRelease();
      });
    },
    destroy: () => {
      isRetired = true;
      connection.destroy();
    },
  };
}
