/** What passes from a child through agent, leader and CLI per second, against `cat` through a pipe in the same run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFleet } from '../test/support/fleet.ts';
import { AW, drain, median, type Row } from './measure.ts';

const MiB = 1024 * 1024;

export async function run(): Promise<{ rows: Row[] }> {
  const rows: Row[] = [];
  const one = makeFleet([{ name: 'h0', shell: 'bash' }]);
  try {
    const size = 1024 * MiB;
    const script = `head -c ${size} /dev/urandom > random`;
    await one.aw(['agent', 'run-everywhere', '-c', script]);
    const random = join(one.workspace('h0'), 'random');
    const pipe = await rate(size, 3, () => drain('sh', ['-c', `cat ${random} | cat`], {}));
    rows.push({ name: 'cat through a pipe', value: pipe, unit: 'MB/s', note: '1 GiB of random bytes' });
    for (const output of ['json', 'prefix']) {
      const args = ['agent', 'run-everywhere', '--quiet', '--output', output, '--', 'cat', 'random'];
      const value = await rate(size, 3, () =>
        drain(process.execPath, [AW, ...args], { env: one.env, cwd: one.project }),
      );
      rows.push({
        name: `1 follower, 1 GiB random, ${output}`,
        value,
        unit: 'MB/s',
        note: `${(value / pipe).toFixed(3)} x cat`,
      });
    }
  } finally {
    await one.stop();
  }

  const ten = makeFleet(
    Array.from({ length: 10 }, (_, index) => ({ name: `h${index}`, shell: 'bash' as const })),
  );
  try {
    const line = `${'the quick brown fox jumps over the lazy dog, '.repeat(3).slice(0, 111)}\n`;
    const text = Buffer.from(line.repeat(Math.ceil((20 * MiB) / line.length))).subarray(0, 20 * MiB);
    for (let i = 0; i < 10; i++) writeFileSync(join(ten.workspace(`h${i}`), 'text'), text);
    const file = join(ten.workspace('h0'), 'text');
    const pipe = await rate(10 * text.length, 3, () =>
      drain('sh', ['-c', `for i in 0 1 2 3 4 5 6 7 8 9; do cat ${file}; done | cat`], {}),
    );
    rows.push({ name: 'cat through a pipe', value: pipe, unit: 'MB/s', note: '10 x 20 MiB of text lines' });
    for (const output of ['json', 'prefix']) {
      const args = ['agent', 'run-everywhere', '--quiet', '--output', output, '--', 'cat', 'text'];
      const value = await rate(10 * text.length, 3, () =>
        drain(process.execPath, [AW, ...args], { env: ten.env, cwd: ten.project }),
      );
      rows.push({
        name: `10 followers, 20 MiB text each, ${output}`,
        value,
        unit: 'MB/s',
        note: `${(value / pipe).toFixed(3)} x cat`,
      });
    }
  } finally {
    await ten.stop();
  }
  return { rows };
}

/** Median MB/s (10^6 bytes) of payload. */
async function rate(bytes: number, count: number, measure: () => ReturnType<typeof drain>): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < count; i++) taken.push((await measure()).totalMs);
  return bytes / 1e6 / (median(taken) / 1000);
}
