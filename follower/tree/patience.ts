/** Waiting for others to let go of a file, as virus scanners and indexers on Windows do after a moment. */

const HELD = new Set(['EPERM', 'EACCES', 'EBUSY']);
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 200;
/** Milliseconds, for one file. */
const LIMIT = 2_000;

/** Elsewhere than on Windows these errors do not go away by themselves, and are thrown at once. */
export function patiently(act: () => void): void {
  const limit = performance.now() + LIMIT;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
    try {
      act();
      return;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (process.platform !== 'win32' || !HELD.has(code) || performance.now() > limit) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    }
  }
}
