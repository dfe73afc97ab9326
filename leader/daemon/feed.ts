/** Standard input on its way from a command to the resident leader: on a connection of its own, so that nothing else waits. */
import type { Readable } from 'node:stream';
import { keepInput } from './kept-input.ts';
import type { Link } from './link.ts';
import { isEvent } from './messages.ts';

/**
 * Bytes that the command has sent and keeps: above what can be on the way between it and a follower, where the window of an
 * HTTP/2 stream is by far the largest part. With several hosts the leader's file has all that came before.
 */
const KEPT = 4 * 1024 * 1024;

export interface Feed {
  /** Gives the input, from where the leader wants it; once more after the leader is gone, to the next one. */
  begin(): void;
  /** What was given until then is no whole input. */
  stop(): void;
}

/** @param source opened when a leader asks for the first of it */
export function createFeed(open: () => Promise<Link>, runId: string, source: () => Readable): Feed {
  const input = keepInput(source, KEPT);
  let stopped = new AbortController();

  const feed = async ({ signal }: AbortController) => {
    const link = await open();
    signal.addEventListener('abort', link.close, { once: true });
    try {
      link.send({ type: 'input', runId });
      const said = await link.next();
      if (said === undefined || isEvent(said) || said.leader !== 'input') return;
      for (let offset = said.offset; !signal.aborted; ) {
        const chunk = await input.read(offset);
        if (signal.aborted) return;
        if (chunk === undefined) return void (await link.send({ type: 'end' }));
        await link.send({ type: 'chunk', data: chunk.toString('base64') });
        offset += chunk.length;
      }
    } finally {
      link.close();
    }
  };

  return {
    begin() {
      stopped.abort();
      stopped = new AbortController();
      // The leader sees that the input was cut off, and says so of each host that wanted it.
      feed(stopped).catch(() => {});
    },
    stop: () => stopped.abort(),
  };
}
