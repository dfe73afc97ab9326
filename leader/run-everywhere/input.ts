/**
 * Standard input for many hosts. Each reads at its own pace, and one that has to wait for a slot reads it all the same, so
 * with several hosts the input goes through a file; a single host gets it as it comes.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { AwError, asAwError } from '../../contract/errors.ts';
import { diskError } from '../state.ts';

/** More than this is a file to be shared in another way; it also ends an input that never ends. */
const MAX_INPUT = 4 * 1024 * 1024 * 1024;
const READ_SIZE = 64 * 1024;

export interface InputReaders {
  /** The input for one host, from its start; undefined when that host has had it. */
  take(host: string): Readable | undefined;
  close(): Promise<void>;
}

/** @param path of a file to be made when there are several hosts; removed by `close` */
export function createInput(
  source: Readable,
  path: string,
  hosts: number,
  limit: number = MAX_INPUT,
): InputReaders {
  const taken = new Set<string>();
  const file = hosts > 1 ? createInputFile(source, path, limit) : undefined;
  return {
    take(host) {
      if (taken.has(host)) return undefined;
      taken.add(host);
      return file === undefined ? source : file.reader();
    },
    async close() {
      source.destroy();
      await file?.close();
    },
  };
}

function createInputFile(source: Readable, path: string, limit: number) {
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
    source.destroy();
    tell();
  };

  /** Begins with the first reader: a run that never starts must not take the input from whoever comes next. */
  const begin = (): WriteStream => {
    const stream = createWriteStream(path, { mode: 0o600, flags: 'wx' });
    stream.on('error', error => fail(diskError(path, error)));
    source.on('error', error => fail(asAwError(error)));
    source.on('data', (chunk: Buffer | string) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (written + bytes.length > limit) {
        fail(new AwError('AW_FRAME_TOO_LARGE', { what: 'the standard input', limit }));
        return;
      }
      source.pause();
      stream.write(bytes, error => {
        if (error) return;
        written += bytes.length;
        tell();
        source.resume();
      });
    });
    source.on('end', () => {
      stream.end(() => {
        ended = true;
        tell();
      });
    });
    return stream;
  };

  async function* read(): AsyncGenerator<Buffer> {
    let handle: FileHandle | undefined;
    let position = 0;
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
    reader() {
      sink ??= begin();
      return Readable.from(read(), { objectMode: false });
    },
    async close() {
      ended = true;
      tell();
      if (sink === undefined) return;
      sink.destroy();
      await rm(path, { force: true });
    },
  };
}
