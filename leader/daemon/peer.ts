/** The resident leader's end of one connection. */
import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { lineOf } from '../../contract/event-parts.ts';
import type { Event } from '../../contract/events.ts';
import { LeaderInput, LeaderRequest } from '../../contract/leader-api.ts';
import { MAX_RUN_REQUEST } from '../../contract/limits.ts';
import { decodeLines, encodeLine } from '../../tunnel/ndjson.ts';
import { isEvent, type Said } from './messages.ts';

/** Milliseconds a command has to say what it wants. */
const REQUEST = 10_000;

export interface Peer {
  /** Aborted when the command is gone, or said that it goes. */
  readonly gone: AbortSignal;
  /** A promise while there is no room for more; it resolves also when the command goes. */
  say(what: Said | Event): Promise<void> | undefined;
  /**
   * What it wants; undefined when it goes before saying that.
   * @throws what is wrong with it
   */
  request(): Promise<LeaderRequest | undefined>;
  /** What it says after that, to its end. */
  inputs(): AsyncGenerator<LeaderInput>;
  /** Ends the connection, once what was said is on its way. */
  close(): void;
}

export function createPeer(socket: net.Socket): Peer {
  const gone = new AbortController();
  socket.on('error', () => {});
  socket.once('close', () => gone.abort());
  const lines = decodeLines(socket, MAX_RUN_REQUEST);
  /** What is said in one turn goes out at once: many small events cost one call of the system. */
  const gather = () => {
    if (socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  };
  return {
    gone: gone.signal,
    say(what) {
      if (gone.signal.aborted || !socket.writable) return undefined;
      gather();
      if (socket.write(isEvent(what) ? lineOf(what) : encodeLine(what))) return undefined;
      return new Promise(fulfil => {
        const settle = () => {
          socket.off('drain', settle).off('close', settle);
          fulfil();
        };
        socket.on('drain', settle).on('close', settle);
      });
    },
    async request() {
      const late = new AbortController();
      sleep(REQUEST, undefined, { signal: late.signal }).then(
        () => socket.destroy(),
        () => {},
      );
      try {
        const line = await lines.next().catch(() => undefined);
        return line === undefined || line.done === true
          ? undefined
          : LeaderRequest.parse(JSON.parse(line.value));
      } finally {
        late.abort();
      }
    },
    async *inputs() {
      for await (const line of lines) yield LeaderInput.parse(JSON.parse(line));
    },
    close: () => socket.destroySoon(),
  };
}
