/** The input of one run: what its leader sends, handed to the command. */
import type { Readable, Writable } from 'node:stream';
import type { RunState } from '../../contract/follower-api.ts';

/** A source that can say that it was cut off, as an HTTP/2 stream can. */
export type InputSource = Readable & { readonly aborted?: boolean };

export class RunInput {
  /** Taken from sources so far. */
  bytes = 0;
  /** A source is being read now. */
  isTaken = false;
  /** The end of the input was seen. */
  isEnded = false;
  /** The command is gone, or has closed its input. */
  #isUnwanted = false;
  readonly #sink = Promise.withResolvers<Writable | undefined>();

  get state(): NonNullable<RunState['stdin']> {
    if (this.isEnded || this.#isUnwanted) return 'ended';
    return this.isTaken ? 'taken' : 'open';
  }

  /** The command is there, or will never be. */
  open(sink: Writable | undefined): void {
    this.#isUnwanted = sink === undefined;
    sink?.once('close', () => {
      this.#isUnwanted = true;
    });
    // A command that closes its input early does no wrong; the source is told by the end of `take`.
    sink?.on('error', () => {});
    this.#sink.resolve(sink);
  }

  /** The command needs no more. */
  async close(): Promise<void> {
    (await this.#sink.promise)?.destroy();
  }

  /**
   * Hands a source to the command, no faster than it reads, and closes the command's input at the source's end. A source
   * that is cut off leaves the input open: the command would take that for the end of the data.
   * @returns false when the source was cut off; true at its end, or when the command takes no more.
   */
  async take(source: InputSource): Promise<boolean> {
    this.isTaken = true;
    try {
      const sink = await this.#sink.promise;
      if (sink === undefined || sink.destroyed) return true;
      const isWhole = await this.#pump(source, sink);
      if (sink.destroyed) return true;
      if (!isWhole) return false;
      this.isEnded = true;
      sink.end();
      return true;
    } finally {
      this.isTaken = false;
    }
  }

  /** Resolves when either end is over; true when all of the source was handed on. */
  #pump(source: InputSource, sink: Writable): Promise<boolean> {
    return new Promise(fulfil => {
      const onData = (chunk: Buffer) => {
        this.bytes += chunk.length;
        if (!sink.write(chunk)) source.pause();
      };
      const onDrain = () => source.resume();
      const finish = (isWhole: boolean) => {
        source.off('data', onData).off('end', onEnd).off('close', onClose);
        sink.off('drain', onDrain).off('close', onClose);
        fulfil(isWhole);
      };
      const onEnd = () => finish(source.aborted !== true);
      const onClose = () => finish(false);
      if (source.destroyed) return finish(false);
      source.once('end', onEnd).once('close', onClose);
      sink.on('drain', onDrain).once('close', onClose);
      source.on('data', onData);
    });
  }
}
