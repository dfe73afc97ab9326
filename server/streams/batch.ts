/** Events that were stored together, encoded once for all the clients they go to. */
import type { StoredEvent } from '../store/index.ts';
import type { StreamFormat } from './format.ts';

export class Batch {
  readonly events: readonly StoredEvent[];
  readonly #encoded = new Map<StreamFormat, Buffer>();

  /** @param events at least one, with ids that follow one another. */
  constructor(events: readonly StoredEvent[]) {
    this.events = events;
  }

  get firstId(): number {
    return this.events[0]!.id;
  }

  get lastId(): number {
    return this.events.at(-1)!.id;
  }

  as(format: StreamFormat): Buffer {
    let bytes = this.#encoded.get(format);
    if (bytes === undefined) {
      bytes = Buffer.from(this.events.map(format.event).join(''));
      this.#encoded.set(format, bytes);
    }
    return bytes;
  }
}
