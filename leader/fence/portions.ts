/** How much is read at a time, and when. */

/** The items in their order, gathered until they make `most` bytes or a little more. */
export function* portions<Item>(
  items: Iterable<Item>,
  bytesOf: (item: Item) => number,
  most: number,
): Generator<Item[]> {
  let portion: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    portion.push(item);
    bytes += bytesOf(item);
    if (bytes < most) continue;
    yield portion;
    portion = [];
    bytes = 0;
  }
  if (portion.length > 0) yield portion;
}

/** What is read of each, in their order: the next is read while this one is on its way. */
export async function* readAhead<Item>(
  items: Iterable<Item>,
  read: (item: Item) => Promise<Uint8Array>,
): AsyncGenerator<Buffer> {
  let ahead: Promise<Uint8Array> | undefined;
  for (const item of items) {
    const next = read(item);
    // It is told to whoever waits for it, and nobody does yet.
    next.catch(() => {});
    if (ahead !== undefined) yield asBuffer(await ahead);
    ahead = next;
  }
  if (ahead !== undefined) yield asBuffer(await ahead);
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
