/** Standard input on its way from a command to the resident leader: on a connection of its own, so that nothing else waits. */
import type { Readable } from 'node:stream';
import type { Link } from './link.ts';
import { isEvent } from './messages.ts';

/** Gives all of `source` once the leader asks for it. The function returned stops that; what was given then is no whole input. */
export function feedInput(open: () => Promise<Link>, runId: string, source: Readable): () => void {
  const stopped = new AbortController();
  const feed = async () => {
    const link = await open();
    stopped.signal.addEventListener('abort', link.close, { once: true });
    try {
      link.send({ type: 'input', runId });
      const said = await link.next();
      if (said === undefined || isEvent(said) || said.leader !== 'input') return;
      for await (const chunk of source) {
        if (stopped.signal.aborted) return;
        await link.send({ type: 'chunk', data: Buffer.from(chunk).toString('base64') });
      }
      await link.send({ type: 'end' });
    } finally {
      link.close();
    }
  };
  // The leader sees that the input was cut off, and says so of each host that wanted it.
  feed().catch(() => {});
  return () => stopped.abort();
}
