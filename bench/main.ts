/**
 * `npm run bench [-- NAME...]`: each suite prints medians, as ratios to a peer measured in the same run where there is
 * one. Machines differ and are noisy; ratios travel, seconds do not.
 */
import type { Row } from './measure.ts';

export interface Suite {
  /** `show` gets figures as they come, of a suite that takes minutes. */
  run(show: (rows: readonly Row[]) => void): Promise<{ rows: Row[] }>;
}

const suites: Record<string, () => Promise<Suite>> = {
  start: () => import('./start.ts'),
  throughput: () => import('./throughput.ts'),
  sse: () => import('./sse.ts'),
  fanout: () => import('./fanout.ts'),
  'fanout-text': () => import('./fanout-text.ts'),
  'fanout-distance': () => import('./fanout-distance.ts'),
  fence: () => import('./fence.ts'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter(name => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  console.error(`error: no benchmark ${unknown.join(', ')}; there are: ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}

for (const name of wanted.length > 0 ? wanted : Object.keys(suites)) {
  console.log(`\n${name}`);
  const { rows } = await (await suites[name]!()).run(show);
  show(rows);
}

function show(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(row => row.name.length));
  let heading: string | undefined;
  for (const { name: row, value, unit, note, group } of rows) {
    if (group !== heading) console.log(` ${group}`);
    heading = group;
    const number = value >= 100 ? value.toFixed(0) : value.toPrecision(3);
    console.log(`  ${row.padEnd(width)}  ${number.padStart(8)} ${unit.padEnd(9)} ${note ?? ''}`.trimEnd());
  }
}
