/** `--rerun-failed`: the same command, as it was asked for, where it failed. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fleet, makeFleet, outputOf } from '../support/fleet.ts';

let fleet: Fleet;
const broken = () => join(fleet.workspace('b'), 'broken');

beforeAll(() => {
  fleet = makeFleet(['a', 'b'].map(name => ({ name, shell: 'sh' as const })));
});
afterAll(() => fleet.stop());

const hostsOf = (events: readonly object[]) => [
  ...new Set(events.flatMap(event => ('host' in event ? [event.host] : []))),
];

test('it has the shell, the arguments and the workspace of the first time, and only the hosts that failed', async () => {
  writeFileSync(broken(), '');
  const script = 'echo "${BASH_VERSION:+bash} $1"; [ ! -e broken ]';
  await fleet.run(['--shell', 'bash', '--expand-workspace', '-c', script, '--', '{workspace}/x']);
  const again = await fleet.run(['--rerun-failed']);
  expect(again.code).toBe(1);
  expect(hostsOf(again.events)).toEqual(['b']);
  expect(outputOf(again.events, 'b').toString()).toBe(`bash ${fleet.workspace('b')}/x\n`);

  rmSync(broken());
  expect(await fleet.run(['--rerun-failed'])).toMatchObject({ code: 0 });
  const nothing = await fleet.run(['--rerun-failed']);
  expect(nothing).toMatchObject({ code: 0, events: [] });
  expect(nothing.stderr).toContain('nothing to run again');
});

test('the values of variables are not kept, so they are asked for', async () => {
  writeFileSync(broken(), '');
  await fleet.run(['--env', 'KEY=secret', '-c', 'echo "$KEY"; [ ! -e broken ]']);
  const refused = await fleet.run(['--rerun-failed']);
  expect(refused).toMatchObject({ code: 2, events: [], stderr: expect.stringContaining('--env KEY=') });
  const again = await fleet.run(['--rerun-failed', '--env', 'KEY=other']);
  expect(outputOf(again.events, 'b').toString()).toBe('other\n');
  // Another command needs none of what the last one had.
  expect(await fleet.run(['--rerun-failed', '--', 'true'])).toMatchObject({ code: 0 });
  rmSync(broken());
});
