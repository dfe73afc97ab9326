/**
 * Trees of 1,000 and more files brought in step with a machine over SSH, beside rsync, unison and mutagen, and how long a fence
 * takes with 1 to 10 followers. `AW_BENCH_FILES` (`1000,10000`), `AW_BENCH_ROUNDS` (3) and `AW_BENCH_FENCES` (20, for each
 * number of followers) say how much, and `AW_BENCH_ONLY` (`resident|rsync`) who takes part; 100,000 files take some ten minutes
 * more. What is not installed is skipped by name.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFleet } from '../test/support/fleet.ts';
import { hasSshd } from '../test/support/sshd.ts';
import { closeConnections, type Machines, openConnections, startMachines } from './fanout/machines.ts';
import { type Contestant, contestants, OURS, peakMemory, resident } from './fence/peers.ts';
import { type BenchTree, makeTree } from './fence/tree.ts';
import { median, type Row } from './measure.ts';

const SIZES = (process.env.AW_BENCH_FILES ?? '1000,10000').split(',').map(Number);
const ROUNDS = Number(process.env.AW_BENCH_ROUNDS ?? 3);
const FENCES = Number(process.env.AW_BENCH_FENCES ?? 20);
const FOLLOWERS = [1, 3, 5, 10];

/** What is done to the tree before everybody brings it in step. */
const TASKS: readonly { name: string; edit(tree: BenchTree): void }[] = [
  { name: 'no change', edit: () => {} },
  { name: 'one file changed', edit: tree => tree.change(1) },
  { name: '1,000 files changed', edit: tree => tree.change(Math.min(1000, tree.files - tree.moving)) },
  { name: 'a directory renamed', edit: tree => tree.rename() },
];

interface Taken {
  ms: number[];
  phases: Record<string, number>[];
}

export async function run(show: (rows: readonly Row[]) => void): Promise<{ rows: Row[] }> {
  if (hasSshd) {
    const machines = await startMachines(1);
    try {
      for (const [index, files] of SIZES.entries()) await compare(machines, files, show, index === 0);
    } finally {
      await machines.stop();
    }
  }
  return { rows: FENCES > 0 ? await latency() : [] };
}

async function compare(
  machines: Machines,
  files: number,
  show: (rows: readonly Row[]) => void,
  isFirst: boolean,
): Promise<void> {
  const dir = join(machines.fleet.dir, `fence-${files}`);
  const group = machines.first(1);
  const tree = makeTree(join(dir, 'project'), files);
  const title = `${files} files, ${(tree.bytes / 1e6).toFixed(0)} MB`;
  const { here, missing } = contestants({ machines, group, project: tree.root, dir });
  if (isFirst && missing.length > 0) console.log(`  not installed, so not measured: ${missing.join(', ')}`);
  await openConnections(group);
  try {
    const destination = (contestant: Contestant, round: number) =>
      join(dir, `to-${here.indexOf(contestant)}-${round}`);
    const first = await compete(here, ROUNDS, async (contestant, round) => {
      rmSync(destination(contestant, round - 1), { recursive: true, force: true });
      mkdirSync(destination(contestant, round));
      await contestant.begin(destination(contestant, round));
    });
    show(rowsOf(`${title}: first sync`, first));
    for (const { name, edit } of TASKS) {
      for (const contestant of here) await contestant.sync();
      const taken = await compete(here, ROUNDS, undefined, () => edit(tree));
      const what = name === 'a directory renamed' ? `${name}, ${tree.moving} files` : name;
      show(rowsOf(`${title}: ${what}`, taken));
    }
    show([
      {
        group: `${title}: memory`,
        name: 'leader',
        value: here.find(each => each.memory !== undefined)?.memory?.() ?? Number.NaN,
        unit: 'MB',
        note: 'at its peak',
      },
      {
        group: `${title}: memory`,
        name: 'follower',
        value: followerMemory(machines),
        unit: 'MB',
        note: 'at its peak',
      },
    ]);
  } finally {
    for (const contestant of here) contestant.end?.();
    await closeConnections(group);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Everybody in each round, in turn; another one begins each. */
async function compete(
  all: readonly Contestant[],
  rounds: number,
  prepare?: (contestant: Contestant, round: number) => Promise<void>,
  edit?: () => void,
): Promise<Map<string, Taken>> {
  const taken = new Map(all.map(({ name }) => [name, { ms: [], phases: [] } as Taken]));
  for (let round = 0; round < rounds; round++) {
    edit?.();
    for (let turn = 0; turn < all.length; turn++) {
      const contestant = all[(round + turn) % all.length]!;
      await prepare?.(contestant, round);
      const start = performance.now();
      await contestant.sync();
      const { ms, phases } = taken.get(contestant.name)!;
      ms.push(performance.now() - start);
      if (contestant.note !== undefined) phases.push(contestant.note());
    }
  }
  return taken;
}

/** Medians with their range, best first, as ratios to the best of the others, and where our time went. */
function rowsOf(group: string, taken: Map<string, Taken>): Row[] {
  const figures = [...taken].map(([name, { ms, phases }]) => ({ name, value: median(ms), ms, phases }));
  const peers = figures.filter(({ name }) => !name.includes('fence'));
  const best = Math.min(...peers.map(({ value }) => value));
  return figures
    .toSorted((one, other) => one.value - other.value)
    .map(({ name, value, ms, phases }) => ({
      group,
      name,
      value,
      unit: 'ms',
      note: [
        `${Math.min(...ms).toFixed(0)}-${Math.max(...ms).toFixed(0)}`,
        ...(peers.length === 0 ? [] : [`${(value / best).toFixed(2)} x best peer`]),
        ...(name === OURS ? [phaseText(phases)] : []),
      ].join('  '),
    }));
}

function phaseText(phases: readonly Record<string, number>[]): string {
  const names = new Set(phases.flatMap(each => Object.keys(each)));
  return [...names]
    .map(name => `${name} ${median(phases.map(each => each[name] ?? 0)).toFixed(0)}`)
    .join(', ');
}

function followerMemory({ home }: Machines): number {
  const agents = readdirSync('/proc').filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`serve\0--state-dir\0${home}`);
    } catch {
      return false;
    }
  });
  return Math.max(...agents.map(pid => peakMemory(Number(pid))));
}

/** One changed file, again and again, for each number of followers on this machine. */
async function latency(): Promise<Row[]> {
  const hosts = Array.from({ length: Math.max(...FOLLOWERS) }, (_, index) => ({ name: `f${index}` }));
  const fleet = makeFleet(hosts);
  const rows: Row[] = [];
  try {
    const files = SIZES[0]!;
    const tree = makeTree(join(fleet.dir, 'tree'), files);
    for (const count of FOLLOWERS) {
      const few = hosts.slice(0, count).map(({ name }) => ({
        name,
        os: 'linux',
        transport: 'local',
        workspace: fleet.workspace(name),
        address: '127.0.0.1',
      }));
      const leader = resident(fleet.env, few, tree.root, fleet.env.AW_STATE_DIR!);
      try {
        await leader.begin();
        await leader.sync();
        const ms: number[] = [];
        for (let fence = 0; fence < FENCES; fence++) {
          tree.change(1);
          const start = performance.now();
          await leader.sync();
          ms.push(performance.now() - start);
        }
        const sorted = ms.toSorted((one, other) => one - other);
        const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
        rows.push({
          group: `${files} files, one changed, all followers on this machine`,
          name: `${count} follower${count === 1 ? '' : 's'}`,
          value: at(0.5),
          unit: 'ms',
          note: `p50; p95 ${at(0.95).toFixed(0)}, p99 ${at(0.99).toFixed(0)}`,
        });
      } finally {
        leader.end!();
      }
    }
  } finally {
    await fleet.stop();
  }
  return rows;
}
