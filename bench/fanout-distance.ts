/** What distance costs: the same command with 0, 50 and 200 ms of added round trip, and how many round trips that makes. */
import { hasSshd } from '../test/support/sshd.ts';
import { type Delay, startDelay } from './fanout/delay.ts';
import {
  closeConnections,
  describe,
  openConnections,
  startMachines,
  type Warmth,
} from './fanout/machines.ts';
import { ssh, us } from './fanout/peers.ts';
import { compete } from './fanout/rounds.ts';
import { median, type Row } from './measure.ts';

const HOSTS = 3;
const ROUNDS = Number(process.env.AW_BENCH_ROUNDS ?? 5);
/** Milliseconds there and back. */
const ROUND_TRIPS = [0, 50, 200];

export async function run(): Promise<{ rows: Row[] }> {
  if (!hasSshd) return { rows: [] };
  const machines = await startMachines(HOSTS);
  const delays: Delay[] = [];
  try {
    const taken = new Map<string, number[]>();
    for (const roundTrip of ROUND_TRIPS) {
      const hosts = [];
      for (const host of machines.first(HOSTS).hosts) {
        const sshd = machines.fleet.sshds[host.name]!;
        const delay = await startDelay(sshd.port, roundTrip / 2);
        delays.push(delay);
        machines.fleet.know(delay.port, sshd.publicKey);
        hosts.push({ ...host, port: delay.port });
      }
      const group = describe(machines.fleet, hosts, `far-${roundTrip}`);
      for (const warmth of ['cold', 'warm'] satisfies Warmth[]) {
        if (warmth === 'warm') await openConnections(group);
        const contestants = [us, ssh].map(peer => ({
          name: `${peer.name}, ${warmth}`,
          call: peer.ask(group, 'true', warmth),
          accepts: () => true,
        }));
        for (const [name, values] of await compete(contestants, ROUNDS, machines.fleet.env)) {
          taken.set(name, [...(taken.get(name) ?? []), median(values)]);
        }
      }
      await closeConnections(group);
    }
    const [near, ...far] = ROUND_TRIPS;
    const rows = [...taken].map(([name, [base, ...rest]]) => ({
      name: `${name}, ${near} ms`,
      value: base!,
      unit: 'ms',
      note: rest
        .map(
          (ms, index) =>
            `${far[index]} ms: ${ms.toFixed(0)} ms, ${((ms - base!) / far[index]!).toFixed(1)} round trips`,
        )
        .join('; '),
    }));
    return { rows };
  } finally {
    for (const delay of delays) delay.stop();
    await machines.stop();
  }
}
