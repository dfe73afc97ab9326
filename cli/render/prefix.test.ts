import { expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { createPrefixRenderer } from './prefix.ts';
import { asText, everyVerdict, exited, hostsOf, printed, record, started } from './recorded-events.ts';

function render(events: readonly Event[], options: Parameters<typeof record>[1] = {}) {
  const recording = record(hostsOf(events), options);
  const renderer = createPrefixRenderer(recording.surroundings);
  recording.play(events, event => renderer.event(event));
  renderer.finish([]);
  return { out: recording.written('stdout'), err: recording.written('stderr') };
}

test('each line stands behind its host, stderr apart, the endings on stderr', () => {
  const { out, err } = render(everyVerdict);
  expect(out).toBe('ok-1 | same\nbad | one\nok-2 | same\nbad | two\nbad | no end\n');
  expect(asText(err)).toMatchInlineSnapshot(`
    "bad | oops
    ✓ ok-1: passed (1.2 s)
    ✓ ok-2: passed (2.5 s)
    ✗ bad: exit 7 (1.2 s)
    ! segv: killed by SIGSEGV (1.2 s)
    ◷ slow: timed out (1m00s)
    ⊘ stopped: cancelled (1.2 s)
    ? gone: lost: AW_HOST_UNREACHABLE (1.2 s)
    ∅ missing: not started: AW_CMD_NOT_FOUND (0.0 s)
    error AW_RUN_TIMEOUT (host slow): the run took longer than 60 s and was ended
    error AW_HOST_UNREACHABLE (host gone): cannot reach the follower: refused
      remedy: aw agent followers doctor --host gone checks each step
    error AW_CMD_NOT_FOUND (host missing): command "nmp" was not found
      remedy: install it there
    2/8 hosts passed; failed: bad (exit 7), segv (killed by SIGSEGV), slow (timed out), stopped (cancelled), gone (lost: AW_HOST_UNREACHABLE), missing (not started: AW_CMD_NOT_FOUND)
    "
  `);
});

test('what comes in one piece looks as if it had come line by line', () => {
  const lines = [
    'plain',
    '',
    '\x1b[31mred',
    'still red\x1b[0m',
    'é\xc2\x9b',
    '\x1b]0;title',
    'back\r',
    'last',
  ];
  const text = lines.map(line => `${line}\n`).join('');
  for (const isTerminal of [false, true]) {
    const at = { isTerminal };
    const whole = render([started('a'), printed('a', text), exited('a', {})], at);
    const apart = render(
      [started('a'), ...lines.map(line => printed('a', `${line}\n`)), exited('a', {})],
      at,
    );
    expect(whole.out).toBe(apart.out);
    expect(whole.out.split('\n')).toHaveLength(lines.length + 1);
  }
});

test('quiet leaves the output of the hosts and the errors', () => {
  const { out, err } = render(everyVerdict, { quiet: true });
  expect(out).toContain('ok-1 | same\n');
  expect(asText(err)).toMatchInlineSnapshot(`
    "bad | oops
    error AW_RUN_TIMEOUT (host slow): the run took longer than 60 s and was ended
    error AW_HOST_UNREACHABLE (host gone): cannot reach the follower: refused
      remedy: aw agent followers doctor --host gone checks each step
    error AW_CMD_NOT_FOUND (host missing): command "nmp" was not found
      remedy: install it there
    "
  `);
});

test('names are aligned on a terminal', () => {
  const events = [printed('a', 'x\n'), printed('long-name', 'y\n')];
  expect(asText(render(events, { isTerminal: true }).out)).toBe('a         | x\nlong-name | y\n');
});

test('bytes that are not UTF-8 reach a pipe as they are, also around a border of two chunks', () => {
  const events = [printed('a', Buffer.from('ff00', 'hex')), printed('a', 'é\n'), exited('a', {})];
  expect(render(events).out).toBe('a | \xff\x00\xc3\xa9\n');
});

test('a line longer than 64 KiB goes on behind a plus', () => {
  const long = 'x'.repeat(64 * 1024);
  const { out } = render([printed('a', `${long}yz`), printed('a', '!\nnext\n')]);
  expect(out).toBe(`a | ${long}\na + yz!\na | next\n`);
});

test('a host cannot leave its line on a terminal', () => {
  const attack = '\x1b[2J\x1b[5A\rb | forged\x1b]0;pwn\x07\b\b\b\x9b1A\n';
  const { out } = render([printed('a', attack), printed('b', 'real\n')], { isTerminal: true, colour: true });
  const rows = asText(out)
    .replace(/\x1b\[[0-9;]*m/g, '')
    .split('\n');
  expect(rows).toEqual(['a | b | forged', 'b | real', '']);
});

test('colours of one host do not reach the next line', () => {
  const { out } = render([printed('a', '\x1b[31mred\n'), printed('b', 'plain\n')], {
    isTerminal: true,
    colour: true,
  });
  const [, second] = asText(out).split('\n');
  expect(second).toMatch(/plain$/);
  expect(asText(out).split('\n')[0]).toMatch(/\x1b\[31mred\x1b\[0m$/);
});

test('an error text of another machine cannot move the cursor either', () => {
  const error = { code: 'AW_X\x1b[2J', message: 'one\ntwo\x1b[A', remedy: 'a\rb' };
  const { err } = render([started('a'), exited('a', { reason: 'spawn-failed', code: null, error })]);
  expect(asText(err)).toMatchInlineSnapshot(`
    "∅ a: not started: AW_X [2J (1.2 s)
    error AW_X [2J (host a): one two [A
      remedy: a b
    0/1 host passed; failed: a (not started: AW_X [2J)
    "
  `);
});

test('an error that many hosts have at the same moment is said once, one that comes later again', () => {
  const recording = record(['lin-01', 'lin-02', 'lin-03']);
  const renderer = createPrefixRenderer(recording.surroundings);
  const lose = (host: string) => {
    const message = `cannot reach ${host}: refused`;
    const error = { code: 'AW_HOST_UNREACHABLE', message, remedy: `see: doctor --host ${host}` };
    recording.play([exited(host, { code: null, reason: 'lost', error })], event => renderer.event(event));
  };
  lose('lin-01');
  lose('lin-02');
  renderer.draw(0);
  lose('lin-03');
  renderer.finish([]);
  const errors = asText(recording.written('stderr')).split('\n');
  expect(errors.filter(line => /error|remedy/.test(line))).toEqual([
    'error AW_HOST_UNREACHABLE (2 hosts: lin-[01-02]): cannot reach lin-[01-02]: refused',
    "  remedy: see: doctor --host 'lin-[01-02]'",
    'error AW_HOST_UNREACHABLE (host lin-03): cannot reach lin-03: refused',
    '  remedy: see: doctor --host lin-03',
  ]);
});
