/**
 * Connections to followers that outlive the runs they were made for, so that the next run costs one round trip. Whoever
 * connects gets a client that shares a connection and cannot tell: what it closes are its own streams.
 */
import { AwError, asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Connect } from '../follower-client.ts';
import { authorization, openConnection } from '../follower-connection.ts';
import type { TransportContext } from '../transports/index.ts';
import { type KeptConnection, keepConnection } from './kept-connection.ts';
import { attemptKey, connectionKey } from './key.ts';
import { type SharedWork, shareWork, unlessAborted } from './shared-work.ts';
import { entryOf, type PoolEntry, placeOf } from './status.ts';

export type { PoolEntry } from './status.ts';

export interface PoolOptions {
  /** Milliseconds that a connection is kept without a client. */
  idleMs?: number;
  /** Connections kept. Beyond them the one that was unused for longest goes; one in use never does. */
  maxKept?: number;
  /** Milliseconds without an answer to a ping after which a connection is dead, for all that share it. */
  silence?: number;
}

export interface Pool {
  /**
   * A client over a connection that is there and answers, or over a new one. Those who want the same at the same time share
   * one attempt, and each its own signal. Not looked at: a caller's own `silence`.
   * @throws as `connectFollower`
   */
  connect: Connect;
  /** Makes the connection, so that it is there when it is wanted. @throws as `connect` */
  warm(host: HostEntry, context: TransportContext): Promise<PoolEntry>;
  /** In no order. */
  status(): PoolEntry[];
  /** Ends every connection, with what is under way on it. Resolves when nothing is left of them. */
  close(): Promise<void>;
}

const IDLE = 10 * 60_000;
const MAX_KEPT = 256;

interface Wish {
  key: string;
  host: HostEntry;
  context: TransportContext;
}

interface Attempt extends Wish {
  work: SharedWork<KeptConnection>;
}

export function createPool({ idleMs = IDLE, maxKept = MAX_KEPT, silence }: PoolOptions = {}): Pool {
  const kept = new Set<KeptConnection>();
  const attempts = new Set<Attempt>();
  const idleTimers = new Map<KeptConnection, NodeJS.Timeout>();
  let isClosed = false;

  const stopIdling = (connection: KeptConnection) => {
    clearTimeout(idleTimers.get(connection));
    idleTimers.delete(connection);
  };
  const letIdle = (connection: KeptConnection) => {
    if (!connection.isUsable) return;
    idleTimers.set(connection, setTimeout(connection.destroy, idleMs).unref());
    const usable = [...kept].filter(({ isUsable }) => isUsable);
    const unused = usable
      .filter(other => other.leases === 0 && other !== connection)
      .sort((one, other) => one.lastUsedAt - other.lastUsedAt);
    for (const oldest of unused.slice(0, Math.max(0, usable.length - maxKept))) oldest.destroy();
  };

  const open = async ({ key, host, context }: Wish, signal: AbortSignal) => {
    const connection = await openConnection(host, authorization(host), { ...context, signal }, silence);
    const made = keepConnection(key, placeOf(host, context.stateDir), connection, () => letIdle(made));
    kept.add(made);
    const ended = connection.watch.ended.then(() => {
      kept.delete(made);
      stopIdling(made);
    });
    if (isClosed) {
      made.destroy();
      await ended;
      throw refusal();
    }
    // Whoever waited for it may have gone.
    letIdle(made);
    return made;
  };

  /** Joins one who tries the same in the same way: may start an agent, takes as long, asks the same person. */
  const attempt = (wish: Wish): Attempt => {
    const way = attemptKey(wish.context);
    const found = [...attempts].find(
      ({ work, key, context }) =>
        !work.isGivenUp &&
        key === wish.key &&
        context.ask === wish.context.ask &&
        attemptKey(context) === way,
    );
    if (found !== undefined) return found;
    const begun = { ...wish, work: shareWork(signal => open(wish, signal)) };
    attempts.add(begun);
    void begun.work.settled.then(() => attempts.delete(begun));
    return begun;
  };

  const find = async (wish: Wish): Promise<KeptConnection> => {
    const { signal } = wish.context;
    for (;;) {
      if (isClosed) throw refusal();
      const found = [...kept].find(({ key, isUsable }) => key === wish.key && isUsable);
      if (found === undefined) return await attempt(wish).work.join(signal);
      if ((await unlessAborted(found.isAnswering(), signal)) && found.isUsable) return found;
    }
  };

  const take = async (host: HostEntry, context: TransportContext) => {
    try {
      const headers = authorization(host);
      const connection = await find({ key: connectionKey(host, context), host, context });
      stopIdling(connection);
      return { connection, client: connection.lease(headers) };
    } catch (error) {
      throw asAwError(error, host.name);
    }
  };

  return {
    connect: async (host, context) => (await take(host, context)).client,
    async warm(host, context) {
      const { connection, client } = await take(host, context);
      client.close();
      return entryOf(connection);
    },
    status: () => [
      ...[...attempts].map(({ host, context }) => ({
        ...placeOf(host, context.stateDir),
        state: 'connecting' as const,
        leases: 0,
      })),
      ...[...kept].map(entryOf),
    ],
    async close() {
      isClosed = true;
      const ended = [...kept].map(({ connection }) => connection.watch.ended);
      for (const connection of kept) connection.destroy();
      for (const { work } of attempts) work.giveUp();
      await Promise.all([...ended, ...[...attempts].map(({ work }) => work.settled)]);
    },
  };
}

function refusal(): AwError {
  return new AwError('AW_HOST_UNREACHABLE', { reason: 'the leader is ending' });
}
