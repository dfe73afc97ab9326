/** Processes that make snapshots and are killed in the middle. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRecord, snapshotIds } from '../../leader/snapshots/record.ts';

const ROUNDS = 100;
const index = resolve(import.meta.dirname, '../../leader/snapshots/index.ts');

/**
 * Kills one after the other at another moment each, until `wanted` of them had a snapshot in the making.
 * @param options of `createSnapshot`
 * @param script a file to write
 * @returns how many had
 */
export async function killMaking(
  project: string,
  options: { stateDir: string; provider: string },
  script: string,
  wanted: number,
): Promise<number> {
  writeFileSync(
    script,
    `import { createSnapshot } from ${JSON.stringify(index)};
    process.stdout.write('ready');
    for (;;) await createSnapshot(${JSON.stringify(project)}, ${JSON.stringify(options)});`,
  );
  const directory = join(options.stateDir, 'snapshots');
  let interrupted = 0;
  for (let round = 0; round < ROUNDS && interrupted < wanted; round++) {
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await sleep((round * 67) % 700);
    child.kill('SIGKILL');
    await ended;
    const states = snapshotIds(directory).map(id => readRecord(directory, id)?.state);
    if (states.some(state => state !== 'complete')) interrupted++;
  }
  return interrupted;
}
