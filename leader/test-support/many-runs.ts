/**
 * Many runs, one after the other, over one pool, in a process of their own that can collect its garbage: tells what the
 * process holds after the first half and after all of them. Started with `--expose-gc`.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from '../connections/pool.ts';
import { startRun } from '../run-everywhere/start.ts';

const [spec = '{}', stateDir = '', count = '0'] = process.argv.slice(2);
const pool = createPool();

async function held() {
  // What has just ended is let go of in later turns.
  await sleep(200);
  gc!();
  return { files: readdirSync('/proc/self/fd').length, heap: process.memoryUsage().heapUsed };
}

const looks = [];
for (let half = 0; half < 2; half++) {
  for (let n = 0; n < Number(count) / 2; n++) {
    const run = await startRun(JSON.parse(spec), { stateDir, connect: pool.connect });
    for await (const _ of run.events);
    const { exitCode } = await run.outcome;
    if (exitCode !== 0) throw new Error(`run ${n} ended with ${exitCode}`);
  }
  looks.push({ ...(await held()), connections: pool.status().length });
}
await pool.close();
const left = process.getActiveResourcesInfo().filter(kind => !/^(?:Pipe|TTY|FS|CloseReq)/.test(kind));
process.stdout.write(JSON.stringify({ looks, left, sockets: pool.status().length }));
