/** Peers side by side: each round asks every one of them once, and begins with another, so that drift hits all alike. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Row } from '../measure.ts';
import type { Call } from './peers.ts';

export interface Contestant {
  name: string;
  call: Call;
  /** What must have come out of it, so that a failure is never taken for speed. */
  accepts(output: string): boolean;
}

/** Milliseconds of each round, by name. @throws when one fails or prints something else. */
export async function compete(
  contestants: readonly Contestant[],
  rounds: number,
  env: Record<string, string>,
): Promise<Map<string, number[]>> {
  const taken = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  // The first round warms caches of the disk, of compiled code and of name look-ups, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(round + turn) % contestants.length]!;
      const ms = await time(contestant, env);
      if (round > 0) taken.get(contestant.name)!.push(ms);
    }
  }
  return taken;
}

async function time({ name, call, accepts }: Contestant, env: Record<string, string>): Promise<number> {
  const [file, ...args] = call.argv;
  const start = performance.now();
  const child = spawn(file!, args, { env: { ...env, ...call.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout.on('data', chunk => {
    output += chunk;
  });
  child.stderr.on('data', chunk => {
    complaint += chunk;
  });
  const [code] = await once(child, 'close');
  const ms = performance.now() - start;
  if (code === 0 && accepts(output)) return ms;
  throw new Error(
    `${name} ended with ${code}, printed ${output.slice(0, 200)} and said ${complaint.slice(0, 500)}`,
  );
}

/** Medians with their range, best first, as ratios to the best of the others. */
export function rowsOf(group: string, taken: Map<string, number[]>, ours: string): Row[] {
  const figures = [...taken].map(([name, values]) => {
    const sorted = values.toSorted((a, b) => a - b);
    return { name, value: sorted[Math.floor(sorted.length / 2)]!, low: sorted[0]!, high: sorted.at(-1)! };
  });
  const best = Math.min(...figures.filter(({ name }) => name !== ours).map(({ value }) => value));
  return figures
    .toSorted((a, b) => a.value - b.value)
    .map(({ name, value, low, high }) => ({
      group,
      name,
      value,
      unit: 'ms',
      note: `${low.toFixed(0)}-${high.toFixed(0)}  ${(value / best).toFixed(2)} x best peer`,
    }));
}
