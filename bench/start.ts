/** From starting the CLI to the first byte of output and to its end: `true` on 1, 3 and 10 local followers. */
import { makeFleet } from '../test/support/fleet.ts';
import { AW, drain, median, type Row } from './measure.ts';

export async function run(): Promise<{ rows: Row[] }> {
  const rows: Row[] = [];
  const node = await repeat(9, () => drain(process.execPath, ['-e', 'console.log(1)'], {}));
  rows.push({ name: 'node -e, for comparison', value: node.totalMs, unit: 'ms' });
  for (const count of [1, 3, 10]) {
    const fleet = makeFleet(
      Array.from({ length: count }, (_, index) => ({ name: `h${index}`, shell: 'bash' as const })),
    );
    const args = [AW, 'agent', 'run-everywhere', '--output', 'json'];
    const once = () =>
      drain(process.execPath, [...args, '--', 'true'], { env: fleet.env, cwd: fleet.project });
    try {
      const cold: Awaited<ReturnType<typeof once>>[] = [];
      for (let i = 0; i < 3; i++) {
        await fleet.aw(['agent', 'followers', 'stop', '--all']);
        cold.push(await once());
      }
      const warm = await repeat(9, once);
      const first = { cold: median(cold.map(run => run.firstByteMs)), warm: warm.firstByteMs };
      rows.push({ name: `${count} followers, cold, first byte`, value: first.cold, unit: 'ms' });
      rows.push({ name: `${count} followers, warm, first byte`, value: first.warm, unit: 'ms' });
      rows.push({
        name: `${count} followers, warm, whole run`,
        value: warm.totalMs,
        unit: 'ms',
        note: `${(warm.totalMs / node.totalMs).toFixed(1)} x node -e`,
      });
    } finally {
      await fleet.stop();
    }
  }
  return { rows };
}

async function repeat(count: number, measure: () => ReturnType<typeof drain>) {
  await measure();
  const runs: Awaited<ReturnType<typeof drain>>[] = [];
  for (let i = 0; i < count; i++) runs.push(await measure());
  return {
    firstByteMs: median(runs.map(run => run.firstByteMs)),
    totalMs: median(runs.map(run => run.totalMs)),
  };
}
