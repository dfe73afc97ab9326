/** A link on which nothing arrives any more and nobody is told: the run goes on there, and its output once the link is back. */
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isKnown } from '../../contract/events.ts';
import { SILENCE } from '../../leader/follower-connection.ts';
import { defaultTiming } from '../../leader/run-everywhere/timing.ts';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { canMakeNetworks, type Machine, makeMachine } from '../support/netns.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const silent = ['ssh', 'openssh'];
const hosts = [...silent, 'near'];
const UNTIL_TOLD =
  'i=0; until [ -e go ]; do i=$((i+1)); echo line $i; echo $i > progress; sleep 0.02; done; echo end';

describe.skipIf(!hasSshd || !canMakeNetworks)('a link that goes silent', () => {
  let machine: Machine;
  let fleet: SshFleet;
  beforeAll(async () => {
    machine = makeMachine();
    const { address, under } = machine;
    fleet = await makeSshFleet(
      hosts.map(name => ({ name, transport: name === 'openssh' ? 'openssh' : 'ssh' })),
      host => (host === 'near' ? {} : { address, under }),
    );
  });
  afterAll(async () => {
    await fleet.stop();
    machine.remove();
  });
  beforeEach(() => {
    for (const host of hosts) {
      for (const name of ['go', 'progress']) rmSync(file(host, name), { force: true });
    }
  });
  let isSilent = false;
  const silence = () => {
    machine.silence();
    isSilent = true;
  };
  const restore = () => {
    if (isSilent) machine.restore();
    isSilent = false;
  };
  afterEach(restore);

  const file = (host: string, name: string) => join(fleet.workspace(host), name);
  const progress = (host: string) =>
    existsSync(file(host, 'progress')) ? Number(readFileSync(file(host, 'progress'), 'utf8') || 0) : 0;

  test('is reported within ten seconds', () => {
    // The connections that are kept, and those of one command. A look every third of it may come that much late.
    for (const silence of [SILENCE, defaultTiming.silence])
      expect(silence + silence / 3).toBeLessThan(10_000);
  });

  test.each([['by the resident leader'], ['by the command itself', '--no-daemon']])(
    'is found %s, and taken up again when it is back',
    { timeout: 180_000 },
    async (_, ...options) => {
      const leader = fleet.start([
        'agent',
        'run-everywhere',
        '--output',
        'json',
        ...options,
        '-c',
        UNTIL_TOLD,
      ]);
      const stdout: Buffer[] = [];
      leader.stdout!.on('data', chunk => stdout.push(chunk));
      const printed = (word: string) => Buffer.concat(stdout).toString().split(word).length - 1;
      await eventually(() => hosts.every(host => progress(host) > 5), 'the commands run');

      silence();
      await eventually(() => printed('connect.path.degraded') === silent.length, 'both are reported', 1200);
      const before = hosts.map(progress);
      await eventually(
        () => hosts.every((host, index) => progress(host) > before[index]! + 10),
        'the commands go on',
      );
      expect(printed('connect.path.restored')).toBe(0);
      restore();
      await eventually(() => printed('connect.path.restored') === silent.length, 'both are back', 1200);
      for (const host of hosts) writeFileSync(file(host, 'go'), '');
      const [code] = await once(leader, 'close');
      expect(code).toBe(0);

      const events = parseEvents(Buffer.concat(stdout));
      for (const host of hosts) {
        const lines = outputOf(events, host).toString().trimEnd().split('\n');
        expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, index) => `line ${index + 1}`));
        expect(lines.at(-1)).toBe('end');
        expect(exitOf(events, host)).toMatchObject({ code: 0, reason: 'exited' });
      }
      // The output of the other one did not wait for them.
      const order = events.map(event => event.type);
      const [degraded, restored] = ['connect.path.degraded', 'connect.path.restored'].map(type =>
        order.indexOf(type),
      );
      const between = events.slice(degraded, restored).filter(event => isKnown(event, 'hostLog'));
      expect(between.filter(({ host }) => host === 'near').length).toBeGreaterThan(0);
    },
  );
});
