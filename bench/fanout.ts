/**
 * One command on 1 to 50 machines over SSH, beside the programs people use for that. `AW_BENCH_HOSTS` (`1,3,10,50`) and
 * `AW_BENCH_ROUNDS` (3) say how many. What is not installed is skipped by name.
 */
import { hasSshd } from '../test/support/sshd.ts';
import { closeConnections, openConnections, startMachines, type Warmth } from './fanout/machines.ts';
import { installed, peers, us } from './fanout/peers.ts';
import { compete, rowsOf } from './fanout/rounds.ts';
import type { Row } from './measure.ts';

const COUNTS = (process.env.AW_BENCH_HOSTS ?? '1,3,10,50').split(',').map(Number);
const ROUNDS = Number(process.env.AW_BENCH_ROUNDS ?? 3);
/** A round with this many machines takes so long that fewer must do. */
const MANY = 50;
/** With so many, what difference it makes that something is printed. */
const SPOKEN = 10;

export async function run(show: (rows: readonly Row[]) => void): Promise<{ rows: Row[] }> {
  if (!hasSshd) return { rows: [] };
  const { here, missing } = installed(peers);
  if (missing.length > 0) console.log(`  not installed, so not measured: ${missing.join(', ')}`);
  const machines = await startMachines(Math.max(...COUNTS));
  try {
    for (const count of COUNTS) {
      const group = machines.first(count);
      const rounds = count >= MANY ? Math.ceil(ROUNDS / 2) : ROUNDS;
      for (const warmth of ['cold', 'warm'] satisfies Warmth[]) {
        if (warmth === 'warm') await openConnections(group);
        for (const command of count === SPOKEN ? ['true', 'echo hi'] : ['true']) {
          const lines = command === 'true' ? 0 : count;
          const contestants = here.map(peer => ({
            name: peer.name,
            call: peer.ask(group, command, warmth),
            accepts: (output: string) => (output.match(/\bhi\s*$/gm)?.length ?? 0) >= lines,
          }));
          const taken = await compete(contestants, rounds, machines.fleet.env);
          show(rowsOf(`${count} host${count === 1 ? '' : 's'}, ${warmth}: ${command}`, taken, us.name));
        }
      }
      await closeConnections(group);
    }
  } finally {
    await machines.stop();
  }
  return { rows: [] };
}
