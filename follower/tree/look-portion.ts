/** A part of a tree for another thread to look at, and the memory that both share for what it sees. */
import type { Seen } from './listed.ts';

export interface Portion {
  /** Of each directory its absolute path, the names of its files, and an empty one; each with a NUL behind. */
  text: string;
  /** The state, in the first `HEADER` bytes; then a look at each of them. */
  memory: SharedArrayBuffer;
}

/** Whoever changes the first of these looks at the portion: the one who walks, or the other. */
export const FREE = 0;
export const OURS = 1;
export const TAKEN = 2;
export const DONE = 3;

/** Bytes. */
const HEADER = 8;
/** Numbers of a look, in the order of `Seen`. */
const LOOK = 6;
/** Where nothing was to be seen. */
export const NOTHING: Seen = { dev: 0, ino: 0, mode: 0, size: 0, mtimeMs: 0, ctimeMs: 0 };

export function portionMemory(looks: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER + looks * LOOK * Float64Array.BYTES_PER_ELEMENT);
}

export function writeSeen(memory: SharedArrayBuffer, look: number, seen: Seen): void {
  const { dev, ino, mode, size, mtimeMs, ctimeMs } = seen;
  new Float64Array(memory, HEADER).set([dev, ino, mode, size, mtimeMs, ctimeMs], look * LOOK);
}

export function seenAt(memory: SharedArrayBuffer, look: number): Seen | undefined {
  const start = HEADER + look * LOOK * Float64Array.BYTES_PER_ELEMENT;
  const [dev, ino, mode, size, mtimeMs, ctimeMs] = new Float64Array(memory, start, LOOK) as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return mode === 0 ? undefined : { dev, ino, mode, size, mtimeMs, ctimeMs };
}
