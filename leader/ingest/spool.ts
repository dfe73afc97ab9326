/**
 * Events on their way to the service, on disk, in order. What is in here survives the leader; what is not can be read
 * again from the followers. One process at a time.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { AwError } from '../../contract/errors.ts';
import { encodeLine } from '../../tunnel/ndjson.ts';
import type { JournalItem } from '../journal.ts';
import { diskError, writeWhole } from '../state.ts';
import { acknowledgementFile, readAcknowledgement, spoolFile } from './acknowledgement.ts';
import { holds, learn, noFacts, readSpool, type SpoolFacts } from './spool-file.ts';

export interface SpoolLimits {
  /** Bytes not yet acknowledged at which appending waits. */
  cap: number;
  /** Bytes of the file at which it is begun anew, as soon as all of it is acknowledged; at twice the cap appending waits for that. */
  renewAt: number;
}

const defaultLimits: SpoolLimits = { cap: 1024 * 1024 * 1024, renewAt: 64 * 1024 * 1024 };
/** Bytes in memory that a write is waited for. */
const BUFFER = 1024 * 1024;

/** Valid until the next one is read. */
export interface Batch {
  bytes: Buffer<ArrayBuffer>;
  /** To acknowledge it. */
  end: number;
}

export interface Spool {
  readonly facts: Readonly<SpoolFacts>;
  /** Written and not acknowledged. */
  readonly pending: number;
  /** Undefined: go on. Otherwise when there is room again. An event that the spool holds is not taken twice. */
  append(item: JournalItem): Promise<void> | undefined;
  /** From now on there is always room. */
  neverWait(): void;
  /** Lines from the first one not acknowledged, at most about `maxBytes` and `maxLines`, at least one if there is any. */
  read(maxBytes: number, maxLines: number): Promise<Batch | undefined>;
  acknowledge(end: number): void;
  /** Resolves when all that was appended is in the file. */
  written(): Promise<void>;
  /** Takes nothing more, because nobody would read it: appending does nothing from now on. */
  stopAppending(): void;
  close(): Promise<void>;
}

export interface SpoolListener {
  /** There is more to read. */
  onWritten(): void;
  /** The disk failed: as after `stopAppending`. */
  onFault(error: AwError): void;
}

/**
 * Opens the spool of a run's directory, making it when there is none.
 * @throws AW_DISK
 */
export async function openSpool(
  directory: string,
  listener: SpoolListener,
  limits: SpoolLimits = defaultLimits,
): Promise<Spool> {
  const path = spoolFile(directory);
  const ackPath = acknowledgementFile(directory);
  const found = await readSpool(path);
  const facts = found?.facts ?? noFacts();
  let generation = found?.generation ?? 0;
  let length = found?.length ?? create(path, generation, facts);
  const ack = readAcknowledgement(directory);
  const wasAcknowledged = ack?.generation === generation ? ack.acknowledged : 0;
  let acknowledged = Math.min(length, Math.max(found?.headerLength ?? length, wasAcknowledged));
  let file: FileHandle = await openFile(path);
  const ackFile = openSync(ackPath, 'w', 0o600);

  let lines: string[] = [];
  /** Of `lines`, in UTF-16 units; only positions in the file have to be exact. */
  let buffered = 0;
  // Used again and again: many large buffers, each soon garbage, cost several times the memory.
  const writeSpace = Buffer.allocUnsafeSlow(BUFFER);
  let readSpace = Buffer.allocUnsafeSlow(BUFFER);
  let writing: Promise<void> | undefined;
  let isStopped = false;
  let mayWait = true;
  let room: PromiseWithResolvers<void> | undefined;

  const isFull = () =>
    mayWait &&
    (buffered >= BUFFER ||
      length - acknowledged >= limits.cap ||
      length >= Math.max(2 * limits.cap, limits.renewAt));
  const makeRoom = () => {
    if (room !== undefined && (isStopped || !isFull())) {
      room.resolve();
      room = undefined;
    }
  };
  const stop = () => {
    isStopped = true;
    lines = [];
    buffered = 0;
    makeRoom();
  };
  const fail = (error: unknown) => {
    if (!isStopped) listener.onFault(diskError(path, error));
    stop();
  };
  const writeAll = async () => {
    // One turn later, so that what comes at the same moment goes out in one write.
    await undefined;
    while (lines.length > 0) {
      const { bytes, count } = encodeLines(lines, writeSpace);
      const taken = lines.splice(0, count).reduce((sum, line) => sum + line.length, 0);
      await file.appendFile(bytes);
      length += bytes.length;
      buffered = Math.max(0, buffered - taken);
      makeRoom();
      listener.onWritten();
    }
  };
  /** Begins the file anew when nothing in it is needed any more, so that a long run does not keep all it ever said. */
  const renew = async () => {
    if (length < limits.renewAt || acknowledged < length || buffered > 0 || isStopped) return;
    const old = file;
    generation++;
    length = create(path, generation, facts);
    acknowledged = length;
    file = await openFile(path);
    await old.close();
    makeRoom();
  };
  const enqueueWrite = (work: () => Promise<void>) => {
    const mine = (writing ?? Promise.resolve())
      .then(work)
      .catch(fail)
      .finally(() => {
        if (writing === mine) writing = undefined;
      });
    writing = mine;
  };

  const spool: Spool = {
    facts,
    get pending() {
      return length - acknowledged;
    },
    append({ event, line }) {
      if (isStopped || holds(facts, event)) return undefined;
      learn(facts, event);
      lines.push(line);
      buffered += line.length;
      if (lines.length === 1) enqueueWrite(writeAll);
      if (!isFull()) return undefined;
      room ??= Promise.withResolvers();
      return room.promise;
    },
    neverWait() {
      mayWait = false;
      makeRoom();
    },
    async read(maxBytes, maxLines) {
      const from = acknowledged;
      const available = length - from;
      if (available === 0) return undefined;
      for (let size = Math.min(available, maxBytes); ; size = Math.min(available, size * 2)) {
        if (readSpace.length < size) readSpace = Buffer.allocUnsafeSlow(size);
        const { bytesRead } = await file.read(readSpace, 0, size, from);
        const end = endOfLines(readSpace.subarray(0, bytesRead), maxLines);
        if (end > 0) return { bytes: readSpace.subarray(0, end), end: from + end };
        if (size === available) throw diskError(path, new Error('it was changed from outside'));
      }
    },
    acknowledge(end) {
      acknowledged = end;
      // Not flushed to the disk: an older number only makes the service see, and drop, some events again.
      const text = JSON.stringify({ generation, acknowledged }).padEnd(64);
      writeSync(ackFile, `${text}\n`, 0);
      if (length >= limits.renewAt && acknowledged === length) enqueueWrite(renew);
      makeRoom();
    },
    async written() {
      while (writing !== undefined) await writing;
    },
    stopAppending: stop,
    async close() {
      await spool.written();
      stop();
      await file.close();
      closeSync(ackFile);
    },
  };
  spool.acknowledge(acknowledged);
  return spool;
}

/** The first lines, with their line breaks, as many as surely fit into `space`; a single one may need more. */
function encodeLines(lines: readonly string[], space: Buffer): { bytes: Uint8Array; count: number } {
  let at = 0;
  let count = 0;
  for (const line of lines) {
    if (at + line.length * 3 + 1 > space.length) break;
    at += space.write(line, at);
    space[at++] = 10;
    count++;
  }
  if (count === 0) return { bytes: Buffer.from(`${lines[0]}\n`), count: 1 };
  return { bytes: space.subarray(0, at), count };
}

function create(path: string, generation: number, facts: SpoolFacts): number {
  const header = encodeLine({ spool: 1, generation, facts });
  writeWhole(path, header);
  return Buffer.byteLength(header);
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a+');
  } catch (error) {
    throw diskError(path, error);
  }
}

/** The position behind the last complete line, or behind the `maxLines`th. */
function endOfLines(bytes: Buffer, maxLines: number): number {
  const last = bytes.lastIndexOf(10) + 1;
  let end = 0;
  for (let lines = 0; lines < maxLines && end < last; lines++) end = bytes.indexOf(10, end) + 1;
  return end;
}
