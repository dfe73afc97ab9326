import { expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { createLanesRenderer } from './lanes.ts';
import { asText, everyVerdict, exited, hostsOf, printed, record, started } from './recorded-events.ts';

function renderResults(events: readonly Event[], options: Parameters<typeof record>[1] = {}): string {
  const recording = record(hostsOf(events), options);
  const renderer = createLanesRenderer(recording.surroundings, recording.outputs, undefined);
  recording.play(events, event => renderer.event(event));
  renderer.finish([]);
  return asText(recording.written('stdout'));
}

test('the results: failures first, identical output gathered, a table, the sum', () => {
  expect(renderResults(everyVerdict)).toMatchInlineSnapshot(`
    "✗ bad: exit 7 (1.2 s)
      one
      oops
      two
      no end

    ! segv: killed by SIGSEGV, no output (1.2 s)
    ◷ slow: timed out, no output (1m00s)
    ⊘ stopped: cancelled, no output (1.2 s)
    ? gone: lost: AW_HOST_UNREACHABLE, no output (1.2 s)
    ∅ missing: not started: AW_CMD_NOT_FOUND, no output (0.0 s)

    ✓ ok-[1-2] (2 hosts): identical output, passed (1.2 s - 2.5 s)
      same

    host     verdict           duration  output
    ok-1     ✓ passed             1.2 s       -
    ok-2     ✓ passed             2.5 s       -
    bad      ✗ failed exit 7      1.2 s       -
    segv     ! killed SIGSEGV     1.2 s       -
    slow     ◷ timed out          1m00s       -
    stopped  ⊘ cancelled          1.2 s       -
    gone     ? lost               1.2 s       -
    missing  ∅ not started        0.0 s       -

    error AW_RUN_TIMEOUT (host slow): the run took longer than 60 s and was ended
    error AW_HOST_UNREACHABLE (host gone): cannot reach the follower: refused
      remedy: aw agent followers doctor --host gone checks each step
    error AW_CMD_NOT_FOUND (host missing): command "nmp" was not found
      remedy: install it there

    2/8 hosts passed; failed: bad (exit 7), segv (killed by SIGSEGV), slow (timed out), stopped (cancelled), gone (lost: AW_HOST_UNREACHABLE), missing (not started: AW_CMD_NOT_FOUND)
    "
  `);
});

test('without gathering every host stands by itself', () => {
  const text = renderResults(everyVerdict, { group: false });
  expect(text).toContain('✓ ok-1: passed');
  expect(text).toContain('✓ ok-2: passed');
});

test('hosts are gathered only when output and verdict are equal', () => {
  const text = renderResults([
    ...['a', 'b', 'c', 'd'].map(host => started(host, 1)),
    ...['a', 'b', 'c'].map(host => printed(host, 'same\n')),
    printed('d', 'same'),
    exited('a', {}),
    exited('b', {}),
    exited('c', { code: 1 }),
    exited('d', {}),
  ]);
  expect(text).toContain('✓ a,b (2 hosts): identical output, passed');
  expect(text).toContain('✗ c: exit 1');
  expect(text).toContain('✓ d: passed');
});

test('what is left out of long output is said, with the command that shows it', () => {
  const text = renderResults([
    started('a', 1),
    printed('a', 'x'.repeat(70).concat('\n').repeat(50_000)),
    exited('a', {}),
  ]);
  expect(text.length).toBeLessThan(1.2 * 1024 * 1024);
  expect(text).toMatch(
    / {2}\.\.\. 2\.\d MiB left out here; aw agent runs attach r1 --output prefix shows all of it\n/,
  );
});

/** 50 hosts: most print the same, one something else, two fail alike, three cannot be reached. */
function largeRun(): Event[] {
  const names = Array.from({ length: 50 }, (_, index) => `lin-${String(index + 1).padStart(2, '0')}`);
  return names.flatMap((host, index) => {
    const durationMs = 1000 + 37 * index;
    if (index % 20 === 5) {
      const error = {
        code: 'AW_HOST_UNREACHABLE',
        message: `cannot reach ${host}: connection refused`,
        remedy: `aw agent followers doctor --host ${host} checks each step`,
      };
      return [exited(host, { code: null, reason: 'lost', durationMs: 90, error })];
    }
    const said = index === 30 ? 'compiling\n1 warning\ndone\n' : 'compiling\ndone\n';
    const bytes = { stdout: said.length, stderr: 0 };
    const code = index === 10 || index === 11 ? 3 : 0;
    return [started(host, 100 + index), printed(host, said), exited(host, { code, durationMs, bytes })];
  });
}

test('of 50 hosts each outcome is said once, in 80 columns, and the failed ones stand last', () => {
  expect(renderResults(largeRun())).toMatchInlineSnapshot(`
    "? lin-[06,26,46] (3 hosts): lost: AW_HOST_UNREACHABLE, no output (0.1 s)

    ✗ lin-[11-12] (2 hosts): identical output, exit 3 (1.4 s)
      compiling
      done

    ✓ lin-[01-05,07-10,13-25,27-30,32-45,47-50] (44 hosts): identical output, passed (1.0 s - 2.8 s)
      compiling
      done

    ✓ lin-31: passed (2.1 s)
      compiling
      1 warning
      done
      ~ differs from what 44 hosts printed, first in line 2 of stdout:
        there: done
        here:  1 warning

    host                           verdict             min / median / max     output
    lin-[01-05,07-10,13-25,27-45,  ✓ passed         1.0 s / 2.0 s / 2.8 s  ~15 bytes
    47-50]
    lin-[06,26,46]                 ? not reached                    0.1 s          -
    lin-[11-12]                    ✗ failed exit 3                  1.4 s   15 bytes

    error AW_HOST_UNREACHABLE (3 hosts: lin-[06,26,46]): cannot reach lin-[06,26,46]: connection refused
      remedy: aw agent followers doctor --host 'lin-[06,26,46]' checks each step

    45/50 hosts passed; failed: lin-[06,26,46] (lost: AW_HOST_UNREACHABLE), lin-[11-12] (exit 3)
    "
  `);
});

test('only what the hosts printed and the errors, when quiet', () => {
  expect(renderResults(everyVerdict, { quiet: true })).toMatchInlineSnapshot(`
    "✗ bad: exit 7 (1.2 s)
      one
      oops
      two
      no end

    ✓ ok-[1-2] (2 hosts): identical output, passed (1.2 s - 2.5 s)
      same

    error AW_RUN_TIMEOUT (host slow): the run took longer than 60 s and was ended
    error AW_HOST_UNREACHABLE (host gone): cannot reach the follower: refused
      remedy: aw agent followers doctor --host gone checks each step
    error AW_CMD_NOT_FOUND (host missing): command "nmp" was not found
      remedy: install it there
    "
  `);
});

test('long lists of names go on below, in their column', () => {
  const names = Array.from('abcdefghijklmn', letter => `a-rather-long-name-${letter}`);
  const text = renderResults(names.flatMap(name => [started(name, 1), exited(name, {})]));
  const rows = text.slice(text.indexOf('host '), text.indexOf('14/14')).trimEnd().split('\n');
  for (const row of rows) expect(row.length).toBeLessThanOrEqual(80);
  const column = rows.slice(1).map(row => row.split('  ')[0]);
  expect(column.join('')).toBe(names.join(','));
  expect(rows.filter(row => row.includes('passed'))).toHaveLength(1);
});
