/** Commands of the resident leader, each from its request to the last word. Whatever comes in, only its connection ends by it. */
import type net from 'node:net';
import { Readable } from 'node:stream';
import { asAwError } from '../../contract/errors.ts';
import type { LeaderRequest } from '../../contract/leader-api.ts';
import { createPool, type Pool } from '../connections/pool.ts';
import { createLeaderTrees } from '../fence/leader-tree.ts';
import { leadAttached } from '../orders/attach.ts';
import { leadFence } from '../orders/fence.ts';
import { leadRun } from '../orders/run.ts';
import type { Asker, Means } from '../orders/types.ts';
import { fleetStatus, warmUp } from './fleet.ts';
import { inputFrom, lead } from './lead.ts';
import { toFailure } from './messages.ts';
import { createPeer, type Peer } from './peer.ts';
import { perform } from './perform.ts';
import type { State } from './state.ts';

/** Milliseconds a connection to a follower stays without use: longer than any leader without work. */
const KEPT = 2 ** 31 - 1;

/** What answers commands, each on its own socket, over connections to followers that they share. Loading this loads all of the leader. */
export function createService(state: State, stateDir: string): (socket: net.Socket) => void {
  const pool = createPool({ idleMs: KEPT });
  const trees = createLeaderTrees(stateDir);
  const means = { stateDir, connect: pool.connect, trees };
  void state.ended.then(() => Promise.all([pool.close(), trees.close()]));
  return socket => void serve(createPeer(socket), state, pool, means);
}

/** Resolves when the connection is done with; never rejects. */
async function serve(peer: Peer, state: State, pool: Pool, means: Means): Promise<void> {
  const done = state.work();
  try {
    const request = await peer.request();
    if (request === undefined) peer.close();
    else await carryOut(request, peer, state, pool, means);
  } catch (error) {
    peer.say({ leader: 'failed', error: toFailure(asAwError(error)) });
    peer.close();
  } finally {
    done();
  }
}

async function carryOut(request: LeaderRequest, peer: Peer, state: State, pool: Pool, means: Means) {
  switch (request.type) {
    case 'run': {
      const { options, runId } = request;
      const stdin = inputOf(runId, options.stdin, peer, state);
      await lead(peer, state, options.onLeaderLoss, asker => leadRun(request, { ...asker, stdin }, means));
      return;
    }
    case 'attach': {
      const stdin = inputOf(request.runId, request.stdin, peer, state);
      await lead(peer, state, 'continue', asker => leadAttached(request, { ...asker, stdin }, means));
      return;
    }
    case 'fence':
      await perform(peer, state, asker => leadFence(request, asker, means));
      return;
    case 'input':
      // Whoever waits for it reads it from here on.
      if (!state.giveInput(request.runId, peer)) peer.close();
      return;
    case 'up':
      await warmUp(request, peer, pool, means.stateDir);
      state.setIdle(request.idleMs);
      peer.say({ leader: 'up' });
      break;
    case 'status':
      peer.say({ leader: 'status', ...fleetStatus(state, pool) });
      break;
    case 'down':
      peer.say({ leader: 'down', runs: state.runs() });
      state.end();
      break;
  }
  peer.close();
}

/** Waited for from now on: the command may bring it as soon as it hears that the run has begun. */
function inputOf(runId: string, isWanted: boolean | undefined, peer: Peer, state: State): Asker['stdin'] {
  if (isWanted !== true) return () => Readable.from([]);
  const input = state.awaitInput(runId, peer.gone);
  input.catch(() => {});
  return offset => Readable.from(inputFrom(input, offset), { objectMode: false });
}
