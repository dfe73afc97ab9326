/** A run's events, as its journal has them. */
import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import type { Run } from '../runs/registry.ts';

export const EVENTS = 'application/x-ndjson';

/**
 * Sends the journal from event `from` on and follows it to its end, no faster than the peer reads: the command waits for
 * a reader that is too far behind. With `lead` the peer counts as the run's leader while this lasts.
 */
export async function sendEvents(
  stream: ServerHttp2Stream,
  run: Run,
  { status, from, lead }: { status: number; from: number; lead: boolean },
): Promise<void> {
  const gone = new AbortController();
  stream.once('close', () => gone.abort());
  if (stream.destroyed) return;
  const detach = lead ? run.attachLeader() : () => {};
  try {
    stream.respond({ ':status': status, 'content-type': EVENTS });
    for await (const chunk of run.journal.read(from, gone.signal, true)) {
      if (stream.destroyed) return;
      if (!stream.write(chunk)) await once(stream, 'drain', { signal: gone.signal }).catch(() => {});
    }
    stream.end();
  } finally {
    detach();
  }
}
