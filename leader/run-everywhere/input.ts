/**
 * Standard input for many hosts. Each reads at its own pace, and one that has to wait for a slot reads it all the same, so
 * with several hosts the input goes through a file; a single host gets it as it comes. A leader that goes on with another
 * one's run goes on with that one's file.
 */
import { createWriteStream, statSync, type WriteStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { AwError, asAwError } from '../../contract/errors.ts';
import { diskError } from '../state.ts';

/** More than this is a file to be shared in another way; it also ends an input that never ends. */
const MAX_INPUT = 4 * 1024 * 1024 * 1024;
const READ_SIZE = 64 * 1024;

/** Gives the input from a byte on. Called at most once by each leader, when the first host wants it. */
export type InputSource = (offset: number) => Readable;

export interface InputReaders {
  /** The input for one host, without the `offset` bytes that it has; undefined when it was taken for that host before. */
  take(host: string, offset: number): Readable | undefined;
  close(): Promise<void>;
}

/** @param path of a file to be made, or gone on with, when there are several hosts; removed by `close` */
export function createInput(
  give: InputSource,
  path: string,
  hosts: number,
  limit: number = MAX_INPUT,
): InputReaders {
  const taken = new Set<string>();
  const file = hosts > 1 ? createInputFile(give, path, limit) : undefined;
  let only: Readable | undefined;
  return {
    take(host, offset) {
      if (taken.has(host)) return undefined;
      taken.add(host);
      if (file !== undefined) return file.reader(offset);
      only = give(offset);
      return only;
    },
    async close() {
      only?.destroy();
      await file?.close();
    },
  };
}

/** Where nobody has the rest of it: the leader that led the run, and the command that had the input, are gone. */
export const cutOffInput: InputSource = () =>
  new Readable({
    read() {
      this.destroy(
        new AwError('AW_RUN_LOST', { reason: 'its standard input was cut off: nobody has the rest of it' }),
      );
    },
  });

function createInputFile(give: InputSource, path: string, limit: number) {
  let source: Readable | undefined;
  let written = 0;
  let ended = false;
  let failure: AwError | undefined;
  let sink: WriteStream | undefined;
  let news = Promise.withResolvers<void>();
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers();
  };
  const fail = (error: AwError) => {
    failure ??= error;
    source?.destroy();
    tell();
  };

  /** Begins with the first reader: a run that never starts must not take the input from whoever comes next. */
  const begin = (): WriteStream => {
    written = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const stream = createWriteStream(path, { mode: 0o600, flags: 'a' });
    const given = give(written);
    source = given;
    stream.on('error', error => fail(diskError(path, error)));
    given.on('error', error => fail(asAwError(error)));
    given.on('data', (chunk: Buffer | string) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (written + bytes.length > limit) {
        fail(new AwError('AW_FRAME_TOO_LARGE', { what: 'the standard input', limit }));
        return;
      }
      given.pause();
      stream.write(bytes, error => {
        if (error) return;
        written += bytes.length;
        tell();
        given.resume();
      });
    });
    given.on('end', () => {
      stream.end(() => {
        ended = true;
        tell();
      });
    });
    return stream;
  };

  async function* read(offset: number): AsyncGenerator<Buffer> {
    let handle: FileHandle | undefined;
    let position = offset;
    try {
      for (;;) {
        const more = news.promise;
        if (failure !== undefined) throw failure;
        if (position < written) {
          handle ??= await open(path, 'r');
          const buffer = Buffer.allocUnsafe(Math.min(READ_SIZE, written - position));
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
          position += bytesRead;
          yield buffer.subarray(0, bytesRead);
        } else if (ended) {
          return;
        } else {
          await more;
        }
      }
    } finally {
      await handle?.close();
    }
  }

  return {
    reader(offset: number) {
      sink ??= begin();
      return Readable.from(read(offset), { objectMode: false });
    },
    async close() {
      ended = true;
      tell();
      source?.destroy();
      sink?.destroy();
      await rm(path, { force: true });
    },
  };
}
