/** An agent that was put on its host as one file: its threads are in that file too. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { type BareFleet, makeBareFleet } from '../support/install.ts';
import { hasSshd } from '../support/sshd.ts';
import { canAddUsers } from '../support/users.ts';
import { look, make, read } from './ground.ts';

const LIMIT = 300_000;

describe.skipIf(!hasSshd || !canAddUsers)('an installed agent', { timeout: LIMIT }, () => {
  let fleet: BareFleet;
  beforeAll(async () => {
    fleet = await makeBareFleet({ bare: { shell: 'sh' } });
    make(fleet.project, { a: 'one', 'd/link': '-> run' });
    writeFileSync(join(fleet.project, 'd/run'), '#!/bin/sh\necho it runs\n', { mode: 0o755 });
  }, LIMIT);
  afterAll(() => fleet.stop(), LIMIT);
  const env = { AW_NO_FENCE: '' };
  const fence = () =>
    fleet.aw(['agent', 'followers', 'sync-fence', '--json', ...fleet.catalogue([fleet.entry('bare')])], {
      env,
    });

  test('is fenced, and runs what it was given', async () => {
    await fleet.change(['install'], fleet.entry('bare'));
    const leader = look(fleet.project);
    const first = await fence();
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(JSON.parse(first.stdout.toString())).toMatchObject({ host: 'bare', state: 'consistent' });
    expect(read(fleet.workspace('bare'))).toEqual(read(fleet.project));

    appendFileSync(join(fleet.project, 'a'), ' more');
    const run = await fleet.aw(
      [
        'agent',
        'run-everywhere',
        '--output',
        'json',
        ...fleet.catalogue([fleet.entry('bare')]),
        '--',
        'd/link',
      ],
      { env },
    );
    const events = parseEvents(run.stdout);
    expect([run.code, exitOf(events, 'bare').code]).toEqual([0, 0]);
    expect(outputOf(events, 'bare').toString()).toBe('it runs\n');
    expect(read(fleet.workspace('bare'))).toMatchObject({ a: 'one more' });
    expect(look(fleet.project)['d/run']).toEqual(leader['d/run']);
  });
});
