import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { fakeIo } from './fake-io.ts';
import { createFenceDisplay } from './fence-display.ts';

test('on a terminal each host has a row, and at the end none', async () => {
  const io = fakeIo({ isTerminal: true });
  const display = createFenceDisplay(io)!;
  for (const name of ['a', 'long']) display.onPhase(name, 'waiting');
  display.onPhase('a', 'sending 3 files\x1b[2J');
  while (!io.written.stdout.includes('long')) await sleep(5);
  expect(io.written.stdout).toMatch(/· a {5}sending 3 files/);
  expect(io.written.stdout).toContain('· long  waiting');
  expect(io.written.stdout).not.toContain('\x1b[2J');
  display.end();
  const length = io.written.stdout.length;
  display.end();
  await sleep(250);
  expect(io.written.stdout.length).toBe(length);
});

test('in a pipe, or where rows cannot be replaced, there is none', () => {
  expect(createFenceDisplay(fakeIo())).toBeUndefined();
  const dumb = fakeIo({ isTerminal: true });
  expect(createFenceDisplay({ ...dumb, env: { TERM: 'dumb' } })).toBeUndefined();
});
