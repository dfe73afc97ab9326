/** What a user typed behind `--` is what the child sees, on followers of every shell. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ShellName } from '../../contract/names.ts';
import { representable } from '../properties/vectors.ts';
import { type Fleet, makeFleet, outputOf } from '../support/fleet.ts';
import { requires, which } from '../support/require.ts';

const shells = (['bash', 'zsh', 'fish', 'sh'] satisfies ShellName[]).filter(shell =>
  requires(shell, which(shell) !== undefined),
);
let fleet: Fleet;

beforeAll(() => {
  fleet = makeFleet(shells.map(shell => ({ name: shell, shell })));
  mkdirSync(join(fleet.dir, 'bin'), { recursive: true });
  writeFileSync(join(fleet.dir, 'argv.mjs'), 'process.stdout.write(JSON.stringify(process.argv.slice(2)))');
});
afterAll(() => fleet.stop());

const child = () => [process.execPath, join(fleet.dir, 'argv.mjs')];
const seenBy = (run: Awaited<ReturnType<Fleet['run']>>, host: string) =>
  JSON.parse(outputOf(run.events, host).toString());

test('every vector at once, directly', async () => {
  const run = await fleet.run(['--', ...child(), ...representable]);
  for (const shell of shells) expect(seenBy(run, shell)).toEqual(representable);
});

test.each(shells)('every vector at once, through --shell %s', async shell => {
  const run = await fleet.run(['--shell', shell, '--', ...child(), ...representable]);
  for (const host of shells) expect(seenBy(run, host)).toEqual(representable);
});

test('what follows -- is never parsed, not even options of this very command', async () => {
  const args = ['--help', '--', '--output', 'lanes', '-c', '--host=nobody'];
  const run = await fleet.run(['--', ...child(), ...args]);
  for (const shell of shells) expect(seenBy(run, shell)).toEqual(args);
});

test('an argument of 100 KiB', async () => {
  const big = 'ä'.repeat(50 * 1024);
  const run = await fleet.run(['--', ...child(), big]);
  for (const shell of shells) expect(seenBy(run, shell)).toEqual([big]);
});

test.each(shells)('-c runs a script with its arguments in %s', async shell => {
  const script = shell === 'fish' ? 'printf "%s|" $argv; exit 7' : 'printf "%s|" "$@"; exit 7';
  const run = await fleet.run(['--host', shell, '-c', script, '--', 'a b', "it's", '', '$HOME']);
  expect(outputOf(run.events, shell).toString()).toBe("a b|it's||$HOME|");
  expect(run.code).toBe(1);
});
