import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { createLanesRenderer, laneRows, type Screen } from './lanes.ts';
import { createPaint } from './paint.ts';
import { asText, everyVerdict, exited, hostsOf, printed, record, started } from './recorded-events.ts';

function renderResults(events: readonly Event[], options: Parameters<typeof record>[1] = {}): string {
  const recording = record(hostsOf(events), options);
  const renderer = createLanesRenderer(recording.surroundings, recording.outputs, undefined);
  recording.play(events, event => renderer.event(event));
  renderer.finish([]);
  return asText(recording.written('stdout'));
}

function fakeScreen(columns: number, rows: number) {
  const frames: string[] = [];
  const kept: string[] = [];
  const screen: Screen = {
    show: frame => frames.push(frame),
    persist: text => kept.push(text),
    clear: () => frames.push(''),
    size: () => ({ columns, rows }),
  };
  return { screen, frames, kept };
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
      error AW_RUN_TIMEOUT (host slow): the run took longer than 60 s and was ended

    ⊘ stopped: cancelled, no output (1.2 s)

    ? gone: lost: AW_HOST_UNREACHABLE, no output (1.2 s)
      error AW_HOST_UNREACHABLE (host gone): cannot reach the follower: refused
        remedy: aw agent followers doctor --host gone checks each step

    ∅ missing: not started: AW_CMD_NOT_FOUND, no output (0.0 s)
      error AW_CMD_NOT_FOUND (host missing): command "nmp" was not found
        remedy: install it there

    ✓ ok-1, ok-2: identical output, passed (1.2 s - 2.5 s)
      same

    host     verdict         exit      duration
    ok-1     ✓ passed        0            1.2 s
    ok-2     ✓ passed        0            2.5 s
    bad      ✗ failed        7            1.2 s
    segv     ! killed        SIGSEGV      1.2 s
    slow     ◷ timed out     -            1m00s
    stopped  ⊘ cancelled     -            1.2 s
    gone     ? lost          -            1.2 s
    missing  ∅ not started   127          0.0 s
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
  expect(text).toContain('✓ a, b: identical output, passed');
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

test('live rows show state, time and the last line', () => {
  const recording = record(hostsOf(everyVerdict).slice(0, 4));
  const { screen, frames } = fakeScreen(60, 24);
  const renderer = createLanesRenderer(recording.surroundings, recording.outputs, screen);
  recording.play(everyVerdict.slice(0, 15), event => renderer.event(event));
  renderer.draw(2000);
  expect(frames.at(-1)).toMatchInlineSnapshot(`
    "✓ ok-1   1.2 s  passed
    ⠙ ok-2   2.0 s  same
    ⠙ bad    2.0 s  no end
    ⠙ segv   2.0 s  
    4 hosts: 1 passed, 3 running - Ctrl-C cancels"
  `);
});

test('a lane shows the last line with something in it, without control sequences', () => {
  const recording = record(['a']);
  const { screen, frames } = fakeScreen(60, 24);
  const renderer = createLanesRenderer(recording.surroundings, recording.outputs, screen);
  const lane = (text: string) => {
    recording.play([printed('a', text)], event => renderer.event(event));
    renderer.draw(0);
    return frames.at(-1)!.split('\n')[0]!;
  };
  recording.play([started('a', 1)], event => renderer.event(event));
  expect(lane('one\n\n\n')).toMatch(/ one$/);
  expect(lane('  \x1b[2J\x1b[31mtwo\tx')).toMatch(/ two x$/);
  expect(lane('10%\r20%\r')).toMatch(/ 20%$/);
  expect(lane('\n')).toMatch(/ 20%$/);
});

test('lines of the command itself go above the rows', () => {
  const recording = record(['a']);
  const { screen, kept } = fakeScreen(60, 24);
  createLanesRenderer(recording.surroundings, recording.outputs, screen).say('Cancelling');
  expect(kept).toEqual(['Cancelling']);
  expect(recording.written('stderr')).toBe('');
});

test('rows fit every window, whatever the hosts print', () => {
  const view = record(['a', 'name-of-a-host-that-is-rather-long', 'c', 'd', 'e']).surroundings.view;
  for (const event of [started('a', 1), started('c', 2), exited('d', { code: 1 })]) view.apply(event, 0);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 1, max: 12 }),
      fc
        .string({ unit: 'grapheme', maxLength: 100 })
        .map(text => text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, '')),
      (columns, rows, line) => {
        const frame = {
          columns,
          rows,
          now: 5_000_000,
          tick: 3,
          paint: createPaint(false),
          lines: () => line,
          hint: 'h',
        };
        const shown = laneRows([...view.hosts.values()], frame).split('\n');
        expect(shown.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        for (const row of shown) expect(stringWidth(row)).toBeLessThanOrEqual(columns);
      },
    ),
  );
});

test('when not all hosts fit, failures and hosts at work are shown and the rest is counted', () => {
  const names = Array.from({ length: 20 }, (_, index) => `h${index}`);
  const { view } = record(names).surroundings;
  for (const event of [exited('h3', {}), exited('h18', { code: 1 }), started('h7', 1)]) view.apply(event, 0);
  const frame = {
    columns: 40,
    rows: 6,
    now: 0,
    tick: 0,
    paint: createPaint(false),
    lines: () => '',
    hint: 'h',
  };
  expect(laneRows([...view.hosts.values()], frame)).toMatchInlineSnapshot(`
    "· h0           waiting
    ⠋ h7    0.0 s  
    ✗ h18   1.2 s  exit 1
      and 17 more
    20 hosts: 1 failed, 1 passed, 1 running…"
  `);
});
