/** One run, led for a command that may go away at any moment. */
import { AwError, asAwError } from '../../contract/errors.ts';
import type { Asker, LedRun } from '../orders/types.ts';
import { type RunInProgress, toFailure } from './messages.ts';
import type { Peer } from './peer.ts';
import type { State } from './state.ts';

/**
 * Leads a run to its end and tells the command. One that goes without a word leaves the run to `onLeaderLoss`: it is led
 * on with nobody watching, or cancelled.
 * @param start begins the run; undefined when there is nothing to run
 */
export async function lead(
  peer: Peer,
  state: State,
  onLeaderLoss: RunInProgress['onLeaderLoss'],
  start: (asker: Omit<Asker, 'stdin'>) => Promise<LedRun | undefined>,
): Promise<void> {
  const questions = createQuestions(peer);
  let run: LedRun | undefined;
  let letGo: (() => void) | undefined;
  let hasLeft = false;
  let isAlone = false;
  const leave = () => {
    hasLeft = true;
    letGo?.();
  };
  const listen = async () => {
    for await (const input of peer.inputs()) {
      if (input.type === 'cancel') run?.cancel(input.how);
      else if (input.type === 'answer') questions.answer(input.id, input.text);
      else if (input.type === 'leave') leave();
    }
  };
  const listening = listen()
    .catch(() => {})
    .then(() => {
      isAlone = !hasLeft;
      questions.close();
      if (isAlone && onLeaderLoss === 'cancel') run?.cancel('interrupt');
    });
  try {
    run = await start({ ask: questions.ask, say: line => void peer.say({ leader: 'say', line }) });
    if (run === undefined) return void peer.say({ leader: 'nothing' });
    if (isAlone && onLeaderLoss === 'cancel') run.cancel('interrupt');
    const { runId, command } = run;
    const hosts = run.hosts.map(({ name }) => name);
    const events = run.events[Symbol.asyncIterator]();
    letGo = () => void events.return?.();
    if (hasLeft) letGo();
    peer.say({ leader: 'accepted', runId, command, hosts });
    const done = state.begin(
      () => ({ runId, command, hosts, onLeaderLoss, watched: !peer.gone.aborted }),
      letGo,
    );
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        // Taken also when nobody watches: a run that is not read stands still.
        const room = peer.say(next.value);
        if (room !== undefined) await room;
      }
      const { exitCode, hosts: outcomes } = await run.outcome;
      // A run that was let go of because this leader ends has not ended: whoever watches finds it again with the next.
      if (!state.isEnding) peer.say({ leader: 'outcome', exitCode, hosts: outcomes });
    } finally {
      done();
    }
  } catch (error) {
    if (!state.isEnding) peer.say({ leader: 'failed', error: toFailure(asAwError(error)) });
  } finally {
    peer.close();
    await listening;
  }
}

/** Questions to whoever is at the other end. */
export function createQuestions(peer: Peer) {
  const open = new Map<number, (text: string | undefined) => void>();
  let asked = 0;
  let isClosed = false;
  return {
    ask(text: string): Promise<string | undefined> {
      if (isClosed) return Promise.resolve(undefined);
      const id = asked++;
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      open.set(id, resolve);
      peer.say({ leader: 'question', id, text });
      return promise;
    },
    answer(id: number, text: string | undefined) {
      open.get(id)?.(text);
      open.delete(id);
    },
    /** Nobody answers any more. */
    close() {
      isClosed = true;
      for (const resolve of open.values()) resolve(undefined);
      open.clear();
    },
  };
}

/** The input of a run from a byte on: what another connection brings, or an error when that ends before it is complete. */
export async function* inputFrom(source: Promise<Peer>, offset: number): AsyncGenerator<Buffer> {
  const peer = await source;
  peer.say({ leader: 'input', offset });
  try {
    for await (const input of peer.inputs()) {
      if (input.type === 'end') return;
      if (input.type === 'chunk') yield Buffer.from(input.data, 'base64');
    }
  } finally {
    peer.close();
  }
  throw new AwError('AW_RUN_LOST', { reason: 'its standard input was cut off' });
}
