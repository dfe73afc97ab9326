/**
 * The first bytes of an agent behind a login shell. The agent speaks first: the SETTINGS frame that opens HTTP/2. What
 * start-up files print comes before it and is passed over. Until it has come nothing is sent, so that no login shell ever
 * gets a byte of ours to interpret.
 */
import type { Readable } from 'node:stream';
import { AwError, show } from '../../contract/errors.ts';

/** Bytes that start-up files may print. */
const MAX_NOISE = 64 * 1024;
const FRAME_HEADER = 9;
const SETTINGS = 4;

export interface Greeting {
  /**
   * `agent`: it has spoken, and the stream stands at its first byte, paused. `end`: the stream ended before.
   * Rejects AW_PROTOCOL_GARBAGE.
   */
  heard: Promise<'agent' | 'end'>;
  /** What was printed so far by whoever else, for a person; empty when nothing was. */
  noise(): string;
}

export function awaitGreeting(stream: Readable): Greeting {
  let seen = Buffer.alloc(0);
  const heard = new Promise<'agent' | 'end'>((fulfil, reject) => {
    const settle = (act: () => void) => {
      stream.off('readable', look);
      stream.off('end', onEnd);
      stream.off('close', onEnd);
      act();
    };
    const refuse = (what: string) =>
      settle(() => reject(new AwError('AW_PROTOCOL_GARBAGE', { reason: `${what}: ${excerpt(seen)}` })));
    const onEnd = () => settle(() => fulfil('end'));
    const look = () => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
        seen = Buffer.concat([seen, chunk as Buffer]);
        const start = frameStart(seen);
        if (start === 'none') return refuse('not HTTP/2');
        if (start !== undefined) {
          return settle(() => {
            stream.unshift(seen.subarray(start));
            seen = seen.subarray(0, start);
            fulfil('agent');
          });
        }
        if (seen.length > MAX_NOISE) return refuse(`more than ${MAX_NOISE} bytes before HTTP/2`);
      }
    };
    stream.on('readable', look);
    stream.once('end', onEnd);
    stream.once('close', onEnd);
  });
  return { heard, noise: () => (seen.length === 0 ? '' : excerpt(seen)) };
}

/** Text has no NUL, and the frame begins with one: its length, of three bytes, is far below 64 KiB. */
function frameStart(bytes: Buffer): number | 'none' | undefined {
  const start = bytes.indexOf(0);
  if (start < 0 || bytes.length < start + FRAME_HEADER) return undefined;
  const isSettings =
    bytes.readUIntBE(start, 3) % 6 === 0 &&
    bytes[start + 3] === SETTINGS &&
    bytes.readUIntBE(start + 4, 5) === 0;
  return isSettings ? start : 'none';
}

function excerpt(bytes: Buffer): string {
  return show(bytes.toString('utf8', 0, 400).trim(), 200);
}
