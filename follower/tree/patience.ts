/** Waiting for others to let go of a file, as virus scanners and indexers on Windows do after a moment. */
import { chmodSync } from 'node:fs';

const HELD = new Set(['EPERM', 'EACCES', 'EBUSY']);
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 200;
/** Milliseconds, for one file. */
const LIMIT = 2_000;

/**
 * Elsewhere than on Windows these errors do not go away by themselves, and are thrown at once.
 * @param victim what has to go for it: the read-only mark, which keeps Windows from replacing a file, is taken from it
 */
export function patiently(act: () => void, victim: string, platform = process.platform): void {
  const limit = performance.now() + LIMIT;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
    try {
      act();
      return;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (platform !== 'win32' || !HELD.has(code) || performance.now() > limit) throw error;
      makeWritable(victim);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    }
  }
}

function makeWritable(path: string): void {
  try {
    chmodSync(path, 0o666);
  } catch {
    // It is gone, or it is not ours.
  }
}
