/** The thread of `look-ahead.ts`. */
import { lstatSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { DONE, FREE, NOTHING, type Portion, TAKEN, writeSeen } from './look-portion.ts';

parentPort!.on('message', ({ text, memory }: Portion) => {
  const state = new Int32Array(memory, 0, 1);
  if (Atomics.compareExchange(state, 0, FREE, TAKEN) !== FREE) return;
  let index = 0;
  let directory = '';
  for (const name of text.split('\0')) {
    if (name === '') {
      directory = '';
      continue;
    }
    look(directory === '' ? name : `${directory}/${name}`, memory, index++);
    if (directory === '') directory = name;
  }
  Atomics.store(state, 0, DONE);
  Atomics.notify(state, 0);
});

function look(path: string, memory: SharedArrayBuffer, index: number): void {
  try {
    writeSeen(memory, index, lstatSync(path));
  } catch {
    // The walk asks again, and tells why.
    writeSeen(memory, index, NOTHING);
  }
}
