/**
 * The journal of one run: an append-only file of NDJSON events, which is also what goes over the wire.
 *
 * Only whole lines that are on disk are visible. Line N is the event with `seq` N. A reader follows the file and is woken
 * by every commit; nothing polls.
 */
import { closeSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** A reader's unit, and how far apart the index's entries are. */
const READ_CHUNK = 256 * 1024;
const INDEX_STEP = 1024 * 1024;
const NEWLINE = 0x0a;

/** Writes all of `bytes` at the end of the file, or throws what the system said. */
export type Append = (file: FileHandle, bytes: Buffer) => Promise<void>;

const appendWhole: Append = async (file, bytes) => {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, null)).bytesWritten;
  }
};

export class Journal {
  readonly path: string;
  /** Bytes and lines that readers see. */
  committed = 0;
  lines = 0;
  /** No line will follow. */
  finished = false;
  /** Last lines that the disk had no room for: readers get them after the file. */
  #unwritten: readonly Buffer[] = [];
  /** What was appended last, for readers that have all before it: a run that is watched is not read from the disk. */
  #tail: { start: number; bytes: Buffer } | undefined;
  #file: FileHandle | undefined;
  readonly #append: Append;
  #indexLines: number[] = [0];
  #indexOffsets: number[] = [0];
  readonly #waiting = new Set<() => void>();
  readonly #pacing = new Set<{ position: number }>();
  /** Called when a pacing reader came, moved on or went. */
  onReader: () => void = () => {};

  private constructor(path: string, append: Append) {
    this.path = path;
    this.#append = append;
  }

  /** A new, empty journal, readable only by its owner. @throws the system's error, also when there is one already. */
  static create(path: string, append: Append = appendWhole): Journal {
    closeSync(openSync(path, 'wx', 0o600));
    return new Journal(path, append);
  }

  /** The journal of a run that has ended, of which its record says how long it is. */
  static ended(path: string, size: { lines: number; bytes: number }): Journal {
    const journal = new Journal(path, appendWhole);
    journal.lines = size.lines;
    journal.committed = size.bytes;
    journal.finished = true;
    return journal;
  }

  /**
   * The journal of a run of an earlier agent. What follows the last line break was being written when that agent died;
   * it is cut off. Created when there is none.
   */
  static reopen(path: string, append: Append = appendWhole): Journal {
    const journal = new Journal(path, append);
    const fd = openSync(path, 'a+', 0o600);
    try {
      const buffer = Buffer.allocUnsafe(READ_CHUNK);
      let position = 0;
      for (let length = readSync(fd, buffer, 0, READ_CHUNK, 0); length > 0; ) {
        journal.#count(buffer.subarray(0, length), position);
        position += length;
        length = readSync(fd, buffer, 0, READ_CHUNK, position);
      }
      if (position > journal.committed) ftruncateSync(fd, journal.committed);
    } finally {
      closeSync(fd);
    }
    return journal;
  }

  /**
   * Appends whole lines; one call at a time. They are visible once it resolves.
   * @throws the system's error; then the file is as before and the lines are not part of the journal.
   */
  async append(lines: readonly Buffer[]): Promise<void> {
    await this.#write(lines);
    this.#wake();
  }

  async #write(lines: readonly Buffer[]): Promise<void> {
    const bytes = lines.length === 1 ? lines[0]! : Buffer.concat(lines);
    this.#file ??= await open(this.path, 'a', 0o600);
    try {
      await this.#append(this.#file, bytes);
    } catch (error) {
      await this.#file.truncate(this.committed).catch(() => {});
      throw error;
    }
    this.#tail = bytes.length > READ_CHUNK ? undefined : { start: this.committed, bytes };
    for (const line of lines) this.#commit(line.length);
  }

  /**
   * Appends the last lines and closes the file. When the disk refuses them, readers of this process get them from memory.
   * @returns whether they are on disk.
   */
  async finish(lines: readonly Buffer[]): Promise<boolean> {
    let written = true;
    try {
      await this.#write(lines);
    } catch {
      written = false;
      this.#unwritten = lines;
      this.lines += lines.length;
    }
    await this.close();
    return written;
  }

  /** No more lines, for whatever reason; readers end. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
    this.finished = true;
    // Behind whoever waits for the end of the run: a reader that has seen it finds the run ended.
    setImmediate(() => this.#wake());
  }

  /**
   * The bytes from line `from` on, then each as it is committed, until the journal is finished. Pulls: nothing is read
   * ahead. Ends early when `signal` is aborted. The writer of the run waits for readers that are `pacing`, so they must
   * go on or end.
   * @throws the system's error when the file cannot be read any more.
   */
  async *read(from: number, signal: AbortSignal, pacing: boolean): AsyncGenerator<Buffer> {
    let wake = () => {};
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort, { once: true });
    let opened: Promise<FileHandle> | undefined;
    const file = () => {
      opened ??= open(this.path, 'r');
      return opened;
    };
    const cursor = { position: 0 };
    const move = (position: number) => {
      cursor.position = position;
      if (pacing) this.onReader();
    };
    try {
      move(await this.#offsetOf(file, from));
      if (pacing) this.#pacing.add(cursor);
      while (!signal.aborted) {
        const available = this.committed - cursor.position;
        if (available > 0) {
          const chunk = this.#fromTail(cursor.position) ?? (await this.#readChunk(file, cursor.position));
          yield chunk;
          move(cursor.position + chunk.length);
        } else if (this.finished) {
          const inFile = this.lines - this.#unwritten.length;
          yield* this.#unwritten.slice(Math.max(0, from - inFile));
          return;
        } else {
          await new Promise<void>(fulfil => {
            wake = fulfil;
            this.#waiting.add(fulfil);
          });
          this.#waiting.delete(wake);
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#pacing.delete(cursor);
      if (pacing) this.onReader();
      await (await opened)?.close();
    }
  }

  /** How many committed bytes the slowest pacing reader has not taken yet; 0 without one. */
  get lag(): number {
    let slowest = this.committed;
    for (const { position } of this.#pacing) slowest = Math.min(slowest, position);
    return this.committed - slowest;
  }

  get readers(): number {
    return this.#pacing.size;
  }

  /** The last whole line, without its line break. */
  lastLine(): string | undefined {
    if (this.lines === 0) return undefined;
    const fd = openSync(this.path, 'r');
    try {
      for (let length = 4096; ; length *= 4) {
        const size = Math.min(length, this.committed);
        const tail = Buffer.alloc(size);
        readSync(fd, tail, 0, size, this.committed - size);
        const start = tail.lastIndexOf(NEWLINE, size - 2);
        if (start >= 0 || size === this.committed) return tail.toString('utf8', start + 1, size - 1);
      }
    } finally {
      closeSync(fd);
    }
  }

  #fromTail(position: number): Buffer | undefined {
    if (this.#tail === undefined || position < this.#tail.start) return undefined;
    return this.#tail.bytes.subarray(position - this.#tail.start);
  }

  async #readChunk(file: () => Promise<FileHandle>, position: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(this.committed - position, READ_CHUNK));
    const { bytesRead } = await (await file()).read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) throw new Error(`${this.path} is shorter than it was`);
    return buffer.subarray(0, bytesRead);
  }

  async #offsetOf(file: () => Promise<FileHandle>, line: number): Promise<number> {
    const entry = lastAtMost(this.#indexLines, line);
    let offset = this.#indexOffsets[entry]!;
    let missing = line - this.#indexLines[entry]!;
    while (missing > 0 && offset < this.committed) {
      const chunk = await this.#readChunk(file, offset);
      let passed = 0;
      while (missing > 0) {
        const end = chunk.indexOf(NEWLINE, passed);
        if (end < 0) {
          passed = chunk.length;
          break;
        }
        passed = end + 1;
        missing -= 1;
      }
      offset += passed;
    }
    return offset;
  }

  /** Takes up the lines of a chunk that lies at `position` of the file. */
  #count(chunk: Buffer, position: number): void {
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, end + 1)) {
      this.#commit(position + end + 1 - this.committed);
    }
  }

  #commit(length: number): void {
    this.lines += 1;
    this.committed += length;
    if (this.committed - this.#indexOffsets.at(-1)! >= INDEX_STEP) {
      this.#indexLines.push(this.lines);
      this.#indexOffsets.push(this.committed);
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

/** The place of the last of the ascending numbers that is not above `value`; the first is never above it. */
function lastAtMost(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (ascending[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
