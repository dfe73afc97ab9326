/** 10 machines that each print 20 MB of lines at once: how fast one stream comes out of that, and what it takes in memory. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasSshd } from '../test/support/sshd.ts';
import { startMachines, type Warmth } from './fanout/machines.ts';
import { type Call, installed, pdsh, ssh, us } from './fanout/peers.ts';
import { median, type Row } from './measure.ts';

const HOSTS = 10;
const BYTES = 20_000_000;
const ROUNDS = Number(process.env.AW_BENCH_ROUNDS ?? 5);
/** Milliseconds between looks at memory. */
const LOOK = 50;

export async function run(): Promise<{ rows: Row[] }> {
  if (!hasSshd) return { rows: [] };
  const machines = await startMachines(HOSTS);
  try {
    const { fleet } = machines;
    const group = machines.first(HOSTS);
    const line = `${'the quick brown fox jumps over the lazy dog, '.repeat(3).slice(0, 111)}\n`;
    const text = line.repeat(BYTES / line.length + 1).slice(0, BYTES);
    const file = join(fleet.dir, 'text');
    writeFileSync(file, text);
    const { here, missing } = installed([us, ssh, pdsh]);
    if (missing.length > 0) console.log(`  not installed, so not measured: ${missing.join(', ')}`);
    const command = `cat ${file}`;
    const ways = here.flatMap(peer => {
      const way = (warmth: Warmth, leads?: RegExp) => ({
        name: `${peer.name}, ${warmth}`,
        call: peer.ask(group, command, warmth),
        leads,
      });
      return peer === us
        ? [way('cold', /bin\/aw\.js\0/), way('warm', /bin\/aw(?:-leader)?\.js\0/)]
        : [way('cold')];
    });
    const taken = ways.map(() => [] as Drained[]);
    for (let round = 0; round <= ROUNDS; round++) {
      for (let turn = 0; turn < ways.length; turn++) {
        const index = (round + turn) % ways.length;
        const drained = await drain(ways[index]!.call, fleet.env, () =>
          memoryOf(fleet.dir, ways[index]!.leads),
        );
        if (drained.bytes < HOSTS * BYTES) throw new Error(`${ways[index]!.name}: ${drained.bytes} bytes`);
        if (round > 0) taken[index]!.push(drained);
      }
    }
    const rate = (index: number) => (HOSTS * BYTES) / 1e3 / median(taken[index]!.map(({ ms }) => ms));
    const plain = rate(ways.findIndex(({ name }) => name.startsWith(ssh.name)));
    return {
      rows: ways.map(({ name }, index) => ({
        name,
        value: rate(index),
        unit: 'MB/s',
        note: `${(rate(index) / plain).toFixed(2)} x ssh without prefix${inMemory(taken[index]!)}`,
      })),
    };
  } finally {
    await machines.stop();
  }
}

function inMemory(all: readonly Drained[]): string {
  const peak = Math.max(...all.map(drained => drained.peak));
  return peak === 0 ? '' : `, in ${peak} MB`;
}

interface Drained {
  ms: number;
  bytes: number;
  /** Of the leading processes together, as far as was seen. MB. */
  peak: number;
}

/** Counted by `wc`, because reading so much in this process would slow down what it measures. */
async function drain(call: Call, env: Record<string, string>, memory: () => number): Promise<Drained> {
  const start = performance.now();
  const child = spawn('sh', ['-c', '"$@" | wc -c', 'sh', ...call.argv], {
    env: { ...env, ...call.env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let counted = '';
  child.stdout.on('data', chunk => {
    counted += chunk;
  });
  let ended = false;
  const closed = once(child, 'close').then(() => {
    ended = true;
  });
  let peak = 0;
  while (!ended) {
    await Promise.race([closed, sleep(LOOK)]);
    peak = Math.max(peak, memory());
  }
  return { ms: performance.now() - start, bytes: Number(counted), peak: Math.round(peak) };
}

/** Of the processes of the fleet in `dir` whose command line is like `leads`, in MB. */
function memoryOf(dir: string, leads: RegExp | undefined): number {
  let pages = 0;
  if (leads === undefined) return 0;
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      if (!leads.test(words) || !words.includes(dir)) continue;
      pages += Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    } catch {
      // It has just ended.
    }
  }
  return (pages * pageSize) / 1e6;
}

const pageSize = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));
