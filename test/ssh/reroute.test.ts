/** A run whose connection breaks goes on over another way, when that is the way there by then. */
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const UNTIL_TOLD =
  'i=0; until [ -e go ]; do i=$((i+1)); echo line $i; echo $i > progress; sleep 0.02; done; echo end';

describe.skipIf(!hasSshd)('transport "auto"', () => {
  let fleet: SshFleet;
  beforeAll(async () => {
    fleet = await makeSshFleet([{ name: 'a', transport: 'auto' }], () => ({ config: ['LogLevel DEBUG'] }));
  });
  afterAll(() => fleet.stop());
  const config = () => join(fleet.ssh, 'config');
  const file = (name: string) => join(fleet.workspace('a'), name);
  beforeEach(() => {
    for (const path of [file('go'), file('progress'), config()]) rmSync(path, { force: true });
  });
  const progress = () =>
    existsSync(file('progress')) ? Number(readFileSync(file('progress'), 'utf8') || 0) : 0;
  /** What a client of the latest login calls itself. */
  const client = () =>
    /.*Remote protocol version 2\.0, remote software version (\S+)/s.exec(fleet.sshds.a!.log())?.[1];
  const useSystem = () => writeFileSync(config(), 'Host 127.*\n  Compression no\n');
  const useBuiltIn = () => rmSync(config(), { force: true });

  test.each([
    ['the built-in SSH', 'the system’s', useBuiltIn, useSystem],
    ['the system’s ssh', 'the built-in one', useSystem, useBuiltIn],
  ])('from %s to %s', async (_, __, before, after) => {
    before();
    const leader = fleet.start(['agent', 'run-everywhere', '--output', 'json', '-c', UNTIL_TOLD]);
    const stdout: Buffer[] = [];
    leader.stdout!.on('data', chunk => stdout.push(chunk));
    await eventually(() => progress() > 5, 'the command runs');
    const first = client();
    after();
    for (const pid of fleet.sshds.a!.sessions()) process.kill(pid, 'SIGKILL');
    await eventually(
      () => Buffer.concat(stdout).includes('connect.path.restored'),
      'the connection is made again',
    );
    expect([first, client()].map(name => name?.startsWith('OpenSSH')).sort()).toEqual([false, true]);
    writeFileSync(file('go'), '');
    const [code] = await once(leader, 'close');
    expect(code).toBe(0);
    const events = parseEvents(Buffer.concat(stdout));
    const lines = outputOf(events, 'a').toString().trimEnd().split('\n');
    expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, index) => `line ${index + 1}`));
    expect(lines.at(-1)).toBe('end');
    expect(exitOf(events, 'a')).toMatchObject({ code: 0, reason: 'exited' });
    await fleet.aw(['agent', 'fleet', 'down']);
  });
});
