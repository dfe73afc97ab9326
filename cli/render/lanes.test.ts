import { expect, test } from 'vitest';
import { createLanesRenderer, type Screen } from './lanes.ts';
import { everyVerdict, hostsOf, printed, record, started } from './recorded-events.ts';

function fakeScreen(columns: number, rows: number) {
  const frames: string[] = [];
  const kept: string[] = [];
  const screen: Screen = {
    show: frame => frames.push(frame.join('\n')),
    persist: text => kept.push(text),
    clear: () => frames.push(''),
    size: () => ({ columns, rows }),
  };
  return { screen, frames, kept };
}

test('live rows show state, time and the last line', () => {
  const recording = record(hostsOf(everyVerdict).slice(0, 4));
  const { screen, frames } = fakeScreen(60, 24);
  const renderer = createLanesRenderer(recording.surroundings, recording.outputs, screen);
  recording.play(everyVerdict.slice(0, 15), event => renderer.event(event));
  renderer.draw(2000);
  expect(frames.at(-1)).toMatchInlineSnapshot(`
    "1/4 done, 0:00 - Ctrl-C cancels
    ✓ ok-1   1.2 s  passed
    ▸ ok-2    0:02  same
    ▸ bad     0:02  no end
    ▸ segv    0:02"
  `);
});

test('a lane shows the last line with something in it, without control sequences', () => {
  const recording = record(['a']);
  const { screen, frames } = fakeScreen(60, 24);
  const renderer = createLanesRenderer(recording.surroundings, recording.outputs, screen);
  const lane = (text: string) => {
    recording.play([printed('a', text)], event => renderer.event(event));
    renderer.draw(0);
    return frames.at(-1)!.split('\n')[1]!;
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

test('what all hosts say at the same moment is said once', () => {
  const names = Array.from({ length: 50 }, (_, index) => `lin-${String(index + 1).padStart(2, '0')}`);
  const recording = record(names);
  const { screen, kept } = fakeScreen(80, 24);
  const renderer = createLanesRenderer(recording.surroundings, recording.outputs, screen);
  for (const host of names) {
    renderer.event({ type: 'connect.path.degraded', ts: '2026-01-02T03:04:05.678Z', host, method: 'ssh' });
  }
  renderer.draw(0);
  expect(kept).toEqual([
    'note (50 hosts: lin-[01-50]): the connection is lost; trying again, the run goes on there',
  ]);
});
