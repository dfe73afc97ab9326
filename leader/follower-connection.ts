/** A connection to a follower's agent: made, greeted and watched. What is asked over it is the client's affair. */
import type http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type AwError, asAwError } from '../contract/errors.ts';
import type { Info } from '../contract/follower-api.ts';
import type { HostEntry } from '../contract/hosts.ts';
import { checkInfo, handshake, readToken } from './follower-greeting.ts';
import { createRequester } from './follower-http.ts';
import { type Watch, watchConnection } from './follower-watch.ts';
import { type AgentStream, openTransport, type TransportContext } from './transports/index.ts';

/** Milliseconds to the agent's word about itself. */
const ANSWER = 10_000;
/** A connection that answers no ping for this long is dead, whatever the kernel thinks of it. */
export const SILENCE = 6_000;

/** An agent that was just ending takes a connection and drops it. The next one gets, or starts, another agent. */
const TRIES = 4;
const HUNG_UP_WITHIN = 1_000;
const HUNG_UP_PAUSE = 30;

export interface FollowerConnection {
  readonly session: http2.ClientHttp2Session;
  readonly watch: Watch;
  readonly info: Info;
  /** Of `GET /v1/info`: milliseconds to the answer, and how far the follower's clock is ahead of this one's. */
  readonly rttMs: number;
  readonly clockSkewMs: number;
  /** Ends it with all that is under way on it, and does not wait for the peer to agree. */
  destroy(): void;
}

/**
 * Connects and makes sure that a follower of this protocol and of the catalogue's OS is at the other end.
 * @param headers as `authorization` makes them
 * @param silence milliseconds without an answer to a ping after which it is dead
 * @throws AW_PROTOCOL_MISMATCH, AW_HOST_OS_MISMATCH and what the transport throws; always an `AwError` that names the host.
 */
export async function openConnection(
  host: HostEntry,
  headers: Record<string, string>,
  context: TransportContext,
  silence: number = SILENCE,
): Promise<FollowerConnection> {
  try {
    for (let tries = 1; ; tries++) {
      const duplex = await openTransport(host, context);
      const start = performance.now();
      try {
        const session = await handshake(duplex, context);
        // Each of its clients listens for its end.
        session.setMaxListeners(0);
        const watch = watchConnection(session, duplex, silence);
        return await introduce(session, watch, duplex, host, headers, context.signal);
      } catch (error) {
        const isEnding =
          (error as AwError).code === 'AW_HOST_UNREACHABLE' && performance.now() - start < HUNG_UP_WITHIN;
        if (!isEnding || tries === TRIES || context.signal?.aborted) throw error;
        await sleep(tries * HUNG_UP_PAUSE);
      }
    }
  } catch (error) {
    throw asAwError(error, host.name);
  }
}

/**
 * What shows the agent that a request may be made; read anew for each client, as the file says it then.
 * @throws AW_TOKEN_FILE
 */
export function authorization({ name, tokenFile }: HostEntry): Record<string, string> {
  try {
    return tokenFile === undefined ? {} : { authorization: `Bearer ${readToken(tokenFile)}` };
  } catch (error) {
    throw asAwError(error, name);
  }
}

async function introduce(
  session: http2.ClientHttp2Session,
  watch: Watch,
  duplex: AgentStream,
  host: HostEntry,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<FollowerConnection> {
  const destroy = () => {
    session.destroy();
    duplex.destroy();
  };
  try {
    const requester = createRequester(session, watch, headers);
    const sentAt = Date.now();
    const start = performance.now();
    const answer = await requester.json(z.looseObject({ protocol: z.int(), version: z.string() }), {
      method: 'GET',
      path: '/v1/info',
      timeoutMs: ANSWER,
      ...(signal === undefined ? {} : { signal }),
    });
    const rttMs = performance.now() - start;
    const info = checkInfo(answer, host);
    duplex.learn?.(info);
    const clockSkewMs = Date.parse(info.now) - (sentAt + rttMs / 2);
    return { session, watch, info, rttMs, clockSkewMs, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}
