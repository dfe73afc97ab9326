/** Small tools the suites share. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** One measured figure. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  note?: string;
  /** A heading above the rows that share it. */
  group?: string;
}

/** The launcher, wherever a benchmark runs it. */
export const AW = join(import.meta.dirname, '../bin/aw.js');

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Milliseconds of each of `count` runs, one after the other. */
export async function times(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run();
    taken.push(performance.now() - start);
  }
  return taken;
}

/** Runs a program, reads and drops what it prints. Resolves to the milliseconds until its first byte, and to its end. */
export async function drain(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<{ firstByteMs: number; totalMs: number; bytes: number }> {
  const start = performance.now();
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  let firstByteMs = Number.NaN;
  let bytes = 0;
  child.stdout!.on('data', (chunk: Buffer) => {
    if (bytes === 0) firstByteMs = performance.now() - start;
    bytes += chunk.length;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} exited with ${code}`);
  return { firstByteMs, totalMs: performance.now() - start, bytes };
}
