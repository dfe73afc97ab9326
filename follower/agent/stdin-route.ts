/** The input of a run, over HTTP. */
import type { ServerHttp2Stream } from 'node:http2';
import type { Run } from '../runs/registry.ts';
import { InvalidRequest, sendEmpty } from './http.ts';

/**
 * Hands a request's body to the command. After one that was cut off, the sender goes on with another, whose `offset` is
 * what the follower has (`RunState.stdinBytes`). A sender gives up by `destroy`: Node's `close` ends the body first.
 */
export async function takeInput(
  stream: ServerHttp2Stream,
  run: Run,
  offset: number | undefined,
): Promise<void> {
  if (run.live === undefined) return sendEmpty(stream, 204);
  const { input } = run.live;
  if (input === undefined) throw new InvalidRequest({ stdin: 'this run was made without input' });
  if (input.isTaken) throw new InvalidRequest({ stdin: 'another request brings the input of this run' });
  if (input.isEnded) throw new InvalidRequest({ stdin: 'the input of this run has ended' });
  if (offset !== undefined && offset !== input.bytes) {
    throw new InvalidRequest({ offset: `this run has ${input.bytes} bytes` });
  }
  if (await input.take(stream)) sendEmpty(stream, 204);
}
