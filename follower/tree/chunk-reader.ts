/** Takes chunks from a stream to where they belong. */
import { closeSync, constants, openSync } from 'node:fs';
import { AwError } from '../../contract/errors.ts';
import type { Assembly } from './assemble.ts';
import type { ContentReader } from './content-frames.ts';
import { writeAt } from './write-at.ts';

const { O_RDWR, O_NOFOLLOW = 0 } = constants;

/** Of what is missing of these contents, one chunk after the other, with nothing in between. */
export function createChunkReader(assemblies: readonly Assembly[]): ContentReader {
  const rest = assemblies
    .flatMap(({ part, missing }) => missing.map(chunk => ({ ...chunk, part })))
    .reverse();
  let open: { part: string; file: number } | undefined;
  /** Bytes of the chunk that is coming. */
  let taken = 0;
  const close = () => {
    if (open !== undefined) closeSync(open.file);
    open = undefined;
  };
  const fileOf = (part: string): number => {
    if (open?.part !== part) {
      close();
      open = { part, file: openSync(part, O_RDWR | O_NOFOLLOW) };
    }
    return open.file;
  };
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const chunk = rest.at(-1);
        if (chunk === undefined) throw new AwError('AW_INVALID_REQUEST', { problem: 'more than is missing' });
        const some = bytes.subarray(at, at + chunk.length - taken);
        for (const offset of chunk.offsets) writeAt(fileOf(chunk.part), some, offset + taken);
        at += some.length;
        taken += some.length;
        if (taken < chunk.length) continue;
        rest.pop();
        taken = 0;
      }
    },
    isWhole: () => rest.length === 0,
    // What has come stays, to go on from.
    close,
  };
}
