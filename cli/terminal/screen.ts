/** Rows at the bottom of the terminal that are replaced in place. */
import { createLogUpdate } from 'log-update';
import type { Screen } from '../render/lanes.ts';
import type { Io } from './io.ts';

/** Of this process's stdout, which has to be a terminal. The cursor is hidden until `clear`. */
export function createScreen(io: Io): Screen {
  const update = createLogUpdate(process.stdout);
  return {
    show: rows => update(rows),
    persist: text => update.persist(text),
    clear() {
      update.clear();
      update.done();
    },
    size: () => io.size(),
  };
}
