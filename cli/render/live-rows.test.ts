import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { expandRanges } from '../../leader/catalogue/ranges.ts';
import { type Frame, liveRows } from './live-rows.ts';
import { createPaint } from './paint.ts';
import { exited, printed, started } from './recorded-events.ts';
import { createRunView, type RunView } from './run-view.ts';

/** Hosts in every state, the same ones every time, 12 seconds after the start. */
function scene(count: number): RunView {
  const names = Array.from({ length: count }, (_, index) =>
    index < count - 2 ? `lin-${String(index + 1).padStart(2, '0')}` : `mac-${index - count + 3}`,
  );
  const view = createRunView(names.map(name => ({ name })));
  for (const [index, name] of names.entries()) {
    if (index % 10 === 9) continue;
    view.apply(started(name, 100 + index), (index % 10) * 200);
    if (index % 3 !== 2) view.apply(printed(name, 'x\n'), 5000);
    if (index % 5 === 1) view.apply(exited(name, { durationMs: 4000 + index * 100 }), 9000);
    if (index % 16 === 3) view.apply(exited(name, { code: 3, durationMs: 900 }), 9000);
    if (index % 20 === 4) {
      view.apply({ type: 'connect.path.degraded', ts: '', host: name, method: 'ssh' }, 9000);
    }
  }
  return view;
}

const lines = [
  'Compiling src/main.c',
  'PASS test/unit/parser.test.ts (1.2 s)',
  '下载依赖 lodash@4.17.21 … 完成',
  'npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.',
  'ok 😀 é combining',
];

function frameOf(view: RunView, columns: number, rows: number, more: Partial<Frame> = {}): string[] {
  const paint = createPaint(false);
  const line = (host: string) =>
    view.hosts.get(host)!.hasPrinted ? lines[Number(/\d+$/.exec(host)![0]) % lines.length]! : '';
  return liveRows(view, {
    columns,
    rows,
    now: 12_000,
    since: 0,
    paint,
    line,
    hint: 'Ctrl-C cancels',
    ...more,
  });
}

test('3 hosts in 80x24', () => {
  expect(frameOf(scene(3), 80, 24).join('\n')).toMatchInlineSnapshot(`
    "1/3 done, 0:12 - Ctrl-C cancels
    ▸ lin-01    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ✓ mac-1    4.1 s  passed
    ▸ mac-2     0:11"
  `);
});

test('10 hosts in 80x24', () => {
  expect(frameOf(scene(10), 80, 24).join('\n')).toMatchInlineSnapshot(`
    "3/10 done, 1 failed, 0:12 - Ctrl-C cancels
    ▸ lin-01    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ✓ lin-02   4.1 s  passed
    ▸ lin-03    0:11
    ✗ lin-04   0.9 s  exit 3  ok 😀 é combining
    ~ lin-05    0:11  silent 7 s: connection lost, trying again
    ▸ lin-06    0:11
    ✓ lin-07   4.6 s  passed
    ▸ lin-08    0:10  npm warn deprecated inflight@1.0.6: This module is not suppo…
    ▸ mac-1     0:10
    · mac-2           waiting"
  `);
});

test('10 hosts in 40x10', () => {
  expect(frameOf(scene(10), 40, 10).join('\n')).toMatchInlineSnapshot(`
    "3/10 done, 1 failed, 0:12 - Ctrl-C can…
    ✗ lin-04   0.9 s  exit 3  ok 😀 é comb…
    ~ lin-05    0:11  silent 7 s: connecti…
    ▸ lin-01    0:12  PASS test/unit/parse…
    ▸ lin-08    0:10  npm warn deprecated …
    ▸ lin-03    0:11
    + 2 running: lin-06,mac-1
    · mac-2           waiting
    + 2 passed: lin-[02,07]"
  `);
});

test('50 hosts in 80x24', () => {
  expect(frameOf(scene(50), 80, 24).join('\n')).toMatchInlineSnapshot(`
    "12/50 done, 2 failed, 0:12 - Ctrl-C cancels
    ✗ lin-04   0.9 s  exit 3  ok 😀 é combining
    ✗ lin-36   0.9 s  exit 3
    ~ lin-05    0:11  silent 7 s: connection lost, trying again
    ~ lin-25    0:11  silent 7 s: connection lost, trying again
    ~ lin-45    0:11  silent 11 s: connection lost, trying again
    ▸ lin-01    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-08    0:10  npm warn deprecated inflight@1.0.6: This module is not suppo…
    ▸ lin-11    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-13    0:11  npm warn deprecated inflight@1.0.6: This module is not suppo…
    ▸ lin-14    0:11  ok 😀 é combining
    ▸ lin-16    0:11  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-19    0:10  ok 😀 é combining
    ▸ lin-23    0:11  npm warn deprecated inflight@1.0.6: This module is not suppo…
    ▸ lin-26    0:11  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-28    0:10  npm warn deprecated inflight@1.0.6: This module is not suppo…
    ▸ lin-29    0:10  ok 😀 é combining
    ▸ lin-31    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-34    0:11  ok 😀 é combining
    ▸ lin-35    0:11  Compiling src/main.c
    + 16 running: lin-[03,06,09,15,18,21,24,33,38-39,41,43-44,46,48],mac-1
    + 5 waiting: lin-[10,20,30,40],mac-2
    + 10 passed: lin-[02,07,12,17,22,27,32,37,42,47]"
  `);
});

test('50 hosts in 120x50', () => {
  expect(frameOf(scene(50), 120, 50).join('\n')).toMatchInlineSnapshot(`
    "12/50 done, 2 failed, 0:12 - Ctrl-C cancels
    ✗ lin-04   0.9 s  exit 3  ok 😀 é combining
    ✗ lin-36   0.9 s  exit 3
    ~ lin-05    0:11  silent 7 s: connection lost, trying again
    ~ lin-25    0:11  silent 7 s: connection lost, trying again
    ~ lin-45    0:11  silent 11 s: connection lost, trying again
    ▸ lin-01    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-03    0:11
    ▸ lin-06    0:11
    ▸ lin-08    0:10  npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
    ▸ lin-09    0:10
    ▸ lin-11    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-13    0:11  npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
    ▸ lin-14    0:11  ok 😀 é combining
    ▸ lin-15    0:11
    ▸ lin-16    0:11  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-18    0:10
    ▸ lin-19    0:10  ok 😀 é combining
    ▸ lin-21    0:12
    ▸ lin-23    0:11  npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
    ▸ lin-24    0:11
    ▸ lin-26    0:11  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-28    0:10  npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
    ▸ lin-29    0:10  ok 😀 é combining
    ▸ lin-31    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-33    0:11
    ▸ lin-34    0:11  ok 😀 é combining
    ▸ lin-35    0:11  Compiling src/main.c
    ▸ lin-38    0:10  npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
    ▸ lin-39    0:10
    ▸ lin-41    0:12  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-43    0:11  npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.
    ▸ lin-44    0:11  ok 😀 é combining
    ▸ lin-46    0:11  PASS test/unit/parser.test.ts (1.2 s)
    ▸ lin-48    0:10
    ▸ mac-1     0:10  PASS test/unit/parser.test.ts (1.2 s)
    + 5 waiting: lin-[10,20,30,40],mac-2
    + 10 passed: lin-[02,07,12,17,22,27,32,37,42,47]"
  `);
});

test('50 hosts in 40x10', () => {
  expect(frameOf(scene(50), 40, 10).join('\n')).toMatchInlineSnapshot(`
    "12/50 done, 2 failed, 0:12 - Ctrl-C ca…
    ✗ lin-04   0.9 s  exit 3  ok 😀 é comb…
    ✗ lin-36   0.9 s  exit 3
    ~ lin-05    0:11  silent 7 s: connecti…
    ~ lin-25    0:11  silent 7 s: connecti…
    ~ lin-45    0:11  silent 11 s: connect…
    + 30 running: lin-[01,03,06,08-09,11,1…
    + 5 waiting: lin-[10,20,30,40],mac-2
    + 10 passed: lin-[02,07,12,17,22,27,32…"
  `);
});

const text = fc
  .string({ unit: 'grapheme', maxLength: 100 })
  .map(any => any.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, ''));

test('no frame is larger than the window, the cursor below it included, whatever the hosts print', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 130 }),
      fc.integer({ min: 1, max: 60 }),
      text,
      fc.boolean(),
      (count, columns, rows, line, colour) => {
        const shown = frameOf(scene(count), columns, rows, { line: () => line, paint: createPaint(colour) });
        expect(shown.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        for (const row of shown) {
          expect(row).not.toContain('\n');
          expect(stringWidth(row)).toBeLessThanOrEqual(Math.max(1, columns - 1));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('every host can be read in a frame that is wide enough, each exactly once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 3, max: 60 }), (count, rows) => {
      const view = scene(count);
      const [, ...shown] = frameOf(view, 1000, rows, { line: () => 'any line' });
      const named = shown.flatMap(row => {
        const counted = /^\+ (\d+) \w+: (\S+)$/.exec(row);
        if (counted === null) return row.split(' ')[1]!;
        const names = counted[2]!.split(/,(?![^[]*\])/).flatMap(expandRanges);
        expect(names).toHaveLength(Number(counted[1]));
        return names;
      });
      expect(named.sort()).toEqual([...view.hosts.keys()].sort());
    }),
  );
});

test('the time that is left is in the first row where it is known', () => {
  const view = createRunView(['a', 'b', 'c', 'd'].map(name => ({ name })));
  for (const name of ['a', 'b', 'c']) view.apply(exited(name, { durationMs: 30_000 }), 0);
  view.apply(started('d', 1), 2000);
  expect(frameOf(view, 80, 24)[0]).toBe('3/4 done, 0:12, ETA ~0:20 - Ctrl-C cancels');
});

test('a frame stays the same within a second in which nothing happens', () => {
  const view = scene(50);
  expect(frameOf(view, 80, 24, { now: 12_100 })).toEqual(frameOf(view, 80, 24, { now: 12_150 }));
});
