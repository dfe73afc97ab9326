/** Somebody else's project with its own test suite, on three machines that have three login shells and had nothing but Node. */
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fencedRun } from '../support/fence.ts';
import { exitOf, outputOf } from '../support/fleet.ts';
import { type BareFleet, makeBareFleet } from '../support/install.ts';
import { requires, which } from '../support/require.ts';
import { hasSshd } from '../support/sshd.ts';
import { canAddUsers } from '../support/users.ts';

/** The start-up file of a login, in which Node is put in PATH. A person's own, so it also says something. */
const startup: Record<string, [file: string, text: string]> = {
  bash: ['.bash_profile', 'echo Welcome\nPATH=@:$PATH\n'],
  zsh: ['.zprofile', 'echo Welcome\nPATH=@:$PATH\n'],
  fish: ['.config/fish/config.fish', 'echo Welcome\nset -gx PATH @ $PATH\n'],
};
const shells = Object.keys(startup).filter(shell => requires(shell, which(shell) !== undefined));
const LIMIT = 300_000;

/** A router for HTTP with several hundred tests of its own, and what it needs. */
const PROJECT = 'find-my-way';
const packageOf = (name: string) => join(import.meta.dirname, '../../node_modules', name);
const SUITE = ['node', '--test', '--test-reporter=tap'];
/** It needs a package that is not here. */
const WITHOUT = 'test/issue-330.test.js';

describe.skipIf(!hasSshd || !canAddUsers || shells.length < 3)('a real project', { timeout: LIMIT }, () => {
  let fleet: BareFleet;
  beforeAll(async () => {
    fleet = await makeBareFleet(
      Object.fromEntries(
        shells.map(shell => [shell, { shell, files: Object.fromEntries([startup[shell]!]) }]),
      ),
    );
    cpSync(packageOf(PROJECT), fleet.project, { recursive: true });
    rmSync(join(fleet.project, WITHOUT));
    // Packages are installed on each machine, and not sent there.
    for (const shell of shells) {
      for (const name of [
        'fast-deep-equal',
        'fast-querystring',
        'fast-decode-uri-component',
        'safe-regex2',
        'ret',
        'rfdc',
      ])
        cpSync(packageOf(name), join(fleet.workspace(shell), 'node_modules', name), { recursive: true });
      fleet.user(shell).own(fleet.workspace(shell));
    }
  }, LIMIT);
  afterAll(() => fleet.stop(), LIMIT);

  const counts = (output: Buffer) =>
    Object.fromEntries(
      [...output.toString().matchAll(/^# (tests|pass|fail) (\d+)$/gm)].map(([, what, count]) => [
        what,
        Number(count),
      ]),
    );

  test('its suite passes everywhere, on the files that are here', async () => {
    const run = await fencedRun(fleet, ['--auto-install', '--', ...SUITE, 'test/*.test.js']);
    expect(run.stderr).toBe('');
    for (const shell of shells) {
      expect(exitOf(run.events, shell)).toMatchObject({ reason: 'exited', code: 0 });
      const { tests, pass, fail } = counts(outputOf(run.events, shell));
      expect([shell, fail, pass]).toEqual([shell, 0, tests]);
      expect(tests).toBeGreaterThan(500);
      expect(readdirSync(join(fleet.workspace(shell), 'test'))).toEqual(
        readdirSync(join(fleet.project, 'test')),
      );
    }
    expect(run.code).toBe(0);
  });

  test('one that is added here fails everywhere, in each login shell', async () => {
    writeFileSync(
      join(fleet.project, 'test/added.test.js'),
      `require('node:test')('added', () => { throw new Error('no') })\n`,
    );
    const run = await fencedRun(fleet, ['-c', `${SUITE.join(' ')} test/added.test.js test/issue-44.test.js`]);
    for (const shell of shells) {
      expect(exitOf(run.events, shell)).toMatchObject({ reason: 'exited', code: 1 });
      expect(counts(outputOf(run.events, shell))).toMatchObject({ fail: 1 });
    }
  });
});
