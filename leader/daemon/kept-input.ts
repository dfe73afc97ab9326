/** What a command reads from its standard input, and the last of it again: for the leader after the one that took it along. */

export interface KeptInput {
  /**
   * Bytes from `offset` on, as many as there are at hand; undefined at the end of the input. One call at a time.
   * @throws when they are no longer kept, or the source fails
   */
  read(offset: number): Promise<Buffer | undefined>;
}

/** `limit`: bytes that are kept behind those that were read last. Nothing of `source` is read before it is asked for. */
export function keepInput(source: () => AsyncIterable<Uint8Array>, limit: number): KeptInput {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let kept: Buffer[] = [];
  /** Of the first byte that is kept, and of the first that is not read yet. */
  let start = 0;
  let end = 0;
  let isEnded = false;
  let coming: Promise<void> | undefined;

  const take = async () => {
    chunks ??= source()[Symbol.asyncIterator]();
    const next = await chunks.next();
    if (next.done === true) {
      isEnded = true;
      return;
    }
    const chunk = Buffer.from(next.value);
    kept.push(chunk);
    end += chunk.length;
    for (; end - start - kept[0]!.length >= limit; kept = kept.slice(1)) start += kept[0]!.length;
  };

  return {
    async read(offset) {
      while (offset === end && !isEnded) {
        // Whoever waited for it may have gone: what comes then is for whoever reads next.
        coming ??= take().finally(() => {
          coming = undefined;
        });
        await coming;
      }
      if (offset < start || offset > end) throw new RangeError(`byte ${offset} is not kept`);
      let at = start;
      for (const chunk of kept) {
        if (offset < at + chunk.length) return chunk.subarray(offset - at);
        at += chunk.length;
      }
      return undefined;
    },
  };
}
