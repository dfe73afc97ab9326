/**
 * What a resident leader does for a fence, in a process of its own so that its memory can be told: connections and trees are
 * kept from one fence to the next. A line in, `{ project, hosts }`, is a fence; a line out, `Fenced`, its result.
 */
import { createInterface } from 'node:readline';
import type { HostEntry } from '../../contract/hosts.ts';
import { createPool } from '../../leader/connections/pool.ts';
import { startFence } from '../../leader/fence/fence.ts';
import { createLeaderTrees } from '../../leader/fence/leader-tree.ts';
import { stateRoot } from '../../leader/state.ts';

export interface Fenced {
  ms: number;
  /** Milliseconds of each phase of the first host, after `leader scan`. */
  phases: Record<string, number>;
  /** What went wrong. */
  problem?: string;
}

const stateDir = stateRoot();
const pool = createPool();
const trees = createLeaderTrees(stateDir);

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const { project, hosts } = JSON.parse(line) as { project: string; hosts: HostEntry[] };
  console.log(JSON.stringify(await fence(project, hosts)));
}
await trees.close();
await pool.close();

async function fence(project: string, hosts: HostEntry[]): Promise<Fenced> {
  const start = performance.now();
  const phases: Record<string, number> = {};
  let phase = 'leader scan';
  let since = start;
  let looks = 0;
  const enter = (next: string) => {
    const now = performance.now();
    phases[phase] = (phases[phase] ?? 0) + now - since;
    since = now;
    phase = next;
  };
  const { results } = await startFence({
    hosts,
    project,
    patterns: [],
    timeoutMs: 600_000,
    rehash: false,
    adopt: false,
    allowEmpty: false,
    portability: 'error',
    connect: pool.connect,
    trees,
    context: { stateDir, timeoutMs: 20_000, start: true },
    onSnapshot: async () => enter('connect'),
    onPhase: (host, now) => {
      if (host === hosts[0]!.name) enter(nameOf(now));
    },
  });
  const done = Object.values(await results);
  enter('');
  const failed = done.find(({ state }) => state !== 'consistent');
  const ms = performance.now() - start;
  return { ms, phases, ...(failed === undefined ? {} : { problem: failed.error?.message ?? failed.state }) };

  function nameOf(now: string): string {
    if (now.startsWith('waiting')) return 'begin';
    if (now === 'scanning') return looks++ === 0 ? 'follower scan' : 'verify';
    if (now === 'comparing') return 'compare';
    if (now.endsWith('changes')) return 'plan';
    if (now.startsWith('sending')) return 'send';
    return now === 'writing' ? 'apply' : now;
  }
}
