/** C6: line endings are never converted, by nobody on the way, whatever they are. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isKnown } from '../../contract/events.ts';
import { fence, fencedRun, read } from '../support/fence.ts';
import { exitOf, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';
import { hasSshd, makeSshFleet } from '../support/sshd.ts';

const fixture = resolve(import.meta.dirname, '../../fixtures/line-endings');
const hosts = ['a', 'b'];

function provesIt(name: string, make: () => Promise<Fleet>): void {
  describe(name, () => {
    let fleet: Fleet;
    beforeAll(async () => {
      fleet = await make();
      cpSync(fixture, fleet.project, { recursive: true });
      await fence(fleet);
    });
    afterAll(() => fleet.stop());

    test('C6: every byte arrives', () => {
      const original = read(fixture);
      expect(Object.keys(original).length).toBeGreaterThan(25);
      for (const host of hosts) expect(read(fleet.workspace(host))).toEqual(original);
    });

    test("C6: the project's own tests of its line endings pass on the followers", async () => {
      const { code, events } = await fencedRun(fleet, ['--', 'node', '--test']);
      for (const host of hosts) {
        expect(outputOf(events, host).toString()).toContain(
          'script.cmd has the line endings that it was given',
        );
        expect(exitOf(events, host)).toMatchObject({ code: 0 });
      }
      expect(code).toBe(0);
    });

    test('C6: what a tool converts on a follower fails there, and the next fence brings it back', async () => {
      const file = join(fleet.workspace('b'), 'files/crlf.txt');
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll('\r\n', '\n'));
      const { events } = await fleet.run(['--', 'node', '--test']);
      expect(exitOf(events, 'a')).toMatchObject({ code: 0 });
      expect(exitOf(events, 'b')).toMatchObject({ code: 1 });
      const again = await fencedRun(fleet, ['--', 'node', '--test']);
      expect(again.code).toBe(0);
      expect(again.events.find(event => isKnown(event, 'fenceResult'))?.hosts).toMatchObject({
        b: { state: 'consistent', rewritten: [{ path: 'files/crlf.txt', code: 'line-endings' }] },
      });
      expect(read(fleet.workspace('b'))).toEqual(read(fixture));
    });
  });
}

provesIt('followers on this machine', async () => makeFleet(hosts.map(name => ({ name }))));

describe.skipIf(!hasSshd)('sshd', () => {
  provesIt('followers over SSH', () => makeSshFleet(hosts.map(name => ({ name, transport: 'ssh' }))));
});
