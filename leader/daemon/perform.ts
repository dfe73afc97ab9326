/** Work for a command that waits for the answer: when the command goes, nobody wants it any more. */
import { asAwError } from '../../contract/errors.ts';
import type { Watcher } from '../orders/types.ts';
import { createQuestions } from './lead.ts';
import { toFailure } from './messages.ts';
import type { Peer } from './peer.ts';
import type { State } from './state.ts';

/** Characters of an answer to a line. */
const PART = 256 * 1024;

/** Never rejects. @param work is given up by `gone`; what it resolves to has to survive as JSON */
export async function perform(
  peer: Peer,
  state: State,
  work: (asker: Watcher) => Promise<object>,
): Promise<void> {
  const questions = createQuestions(peer);
  const listen = async () => {
    for await (const input of peer.inputs())
      if (input.type === 'answer') questions.answer(input.id, input.text);
  };
  const listening = listen()
    .catch(() => {})
    .finally(questions.close);
  try {
    const answer = await work({
      ask: questions.ask,
      gone: peer.gone,
      onPhase: (host, phase) => void peer.say({ leader: 'phase', host, phase }),
    });
    // What ended with this leader is no answer: the command asks the next one.
    if (state.isEnding) return;
    const text = JSON.stringify(answer);
    for (let at = 0; at < text.length; at += PART)
      await peer.say({ leader: 'part', text: text.slice(at, at + PART) });
    peer.say({ leader: 'done' });
  } catch (error) {
    if (!state.isEnding) peer.say({ leader: 'failed', error: toFailure(asAwError(error)) });
  } finally {
    peer.close();
    await listening;
  }
}
