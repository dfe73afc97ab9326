/** A follower whose shell is PowerShell: scripts, cmdlets and native programs, through the whole product. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { representable } from '../properties/vectors.ts';
import { exitOf, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';
import { pwsh } from '../support/powershell.ts';
import { requires } from '../support/require.ts';

describe.skipIf(!requires('powershell', pwsh !== undefined))('a PowerShell follower', () => {
  let fleet: Fleet;
  beforeAll(() => {
    fleet = makeFleet([
      { name: 'ps', shell: 'pwsh' },
      { name: 'sh', shell: 'sh' },
    ]);
    writeFileSync(join(fleet.dir, 'home/.profile'), `PATH=${dirname(pwsh!)}:$PATH\n`);
    writeFileSync(join(fleet.dir, 'home/.bash_profile'), `PATH=${dirname(pwsh!)}:$PATH\n`);
  });
  afterAll(() => fleet?.stop());

  test('-c runs a script of its language, with its exit code', async () => {
    const script =
      '[Console]::Out.Write("$($args[0])|$($args.Count)"); [Console]::Error.Write(\'é\'); exit 7';
    const run = await fleet.run(['--host', 'ps', '-c', script, '--', 'a "b" $c']);
    expect(outputOf(run.events, 'ps').toString()).toBe('a "b" $c|1');
    expect(outputOf(run.events, 'ps', 'stderr').toString()).toBe('é');
    expect(exitOf(run.events, 'ps')).toMatchObject({ code: 7, reason: 'exited' });
  });

  test('a native failure that nothing overwrote is not hidden', async () => {
    const run = await fleet.run(['--host', 'ps', '-c', "/bin/sh -c 'exit 42'; $null = 1"]);
    expect(exitOf(run.events, 'ps')).toMatchObject({ code: 42 });
  });

  test('native programs get every argument as it was typed, --% included', async () => {
    const program = join(fleet.dir, 'argv.mjs');
    writeFileSync(program, 'process.stdout.write(JSON.stringify(process.argv.slice(2)))');
    const args = [...representable, '--%', 'after it'];
    const run = await fleet.run([
      '--shell',
      'pwsh',
      '--host',
      'ps',
      '--',
      process.execPath,
      program,
      ...args,
    ]);
    expect(JSON.parse(outputOf(run.events, 'ps').toString())).toEqual(args);
  });

  test('a script that does not parse fails with the line at fault, on that host alone', async () => {
    const run = await fleet.run(['--output', 'json', '-c', 'echo one\nif (']);
    expect(exitOf(run.events, 'ps')).toMatchObject({ code: 1 });
    expect(outputOf(run.events, 'ps', 'stderr').toString()).toContain('line 2');
    expect(exitOf(run.events, 'sh').code).not.toBe(0);
  });
});
