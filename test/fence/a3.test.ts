/** A3: the happy path. One fence over local followers and one over SSH, told by a real service over SSE. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Event, isKnown } from '../../contract/events.ts';
import { serviceClient } from '../../leader/service-client.ts';
import { FENCED, fill, read } from '../support/fence.ts';
import { createSession, type Service, startService } from '../support/service.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const hosts = ['far', 'a', 'b', 'c'];
let fleet: SshFleet;
let service: Service;
let catalogue: string[];

beforeAll(async () => {
  if (!hasSshd) return;
  fleet = await makeSshFleet([{ name: 'far', transport: 'ssh' }]);
  const local = ['a', 'b', 'c'].map(name => ({
    name,
    os: 'linux',
    transport: 'local',
    workspace: fleet.workspace(name),
    env: { AW_TEST_FLEET: fleet.dir },
  }));
  catalogue = fleet.catalogue([fleet.entry('far'), ...local]);
  service = await startService({ dir: fleet.dir, env: fleet.env });
});
afterAll(async () => {
  if (!hasSshd) return;
  await service.kill();
  const stopped = await fleet.aw(['agent', 'followers', 'stop', '--all', '--force', ...catalogue]);
  await fleet.stop();
  expect(stopped.code).toBe(0);
});

/** What the service says of the session from its beginning, as it comes, up to the end of the run. */
async function heard(session: string): Promise<Event[]> {
  const events: Event[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const { event } of serviceClient({ url: service.url }).events(session, {
    follow: true,
    signal,
  })) {
    events.push(event);
    if (event.type === 'summary') break;
  }
  return events;
}

test.skipIf(!hasSshd)(
  'A3 every host is consistent, and whoever listens to the session hears it',
  async () => {
    const files = { 'src/main.c': 'int main(void) { return 0; }\n', 'data/crlf.csv': 'a;b\r\n', empty: '' };
    fill(fleet.project, files);
    // Made by the fence itself where they are missing.
    for (const host of hosts) rmSync(fleet.workspace(host), { recursive: true, force: true });
    const session = await createSession(service.url);
    const listening = heard(session);
    const run = await fleet.aw(
      [
        'agent',
        'run-everywhere',
        '--service',
        service.url,
        '--session',
        session,
        ...catalogue,
        '--',
        'cat',
        'data/crlf.csv',
      ],
      { env: FENCED },
    );
    expect(run.stderr).toContain('fence: 4/4 hosts equal to tree-');
    expect(run.code).toBe(0);
    for (const host of hosts) expect(read(fleet.workspace(host))).toEqual(read(fleet.project));

    const events = await listening;
    const told = events.filter(({ type }) => /^(?:fence|moment|summary|hostStarted)/.test(type));
    expect(told.map(({ type }) => type)).toEqual([
      'fenceStarted',
      'fenceResult',
      'moment',
      ...hosts.map(() => 'hostStarted'),
      'moment',
      'summary',
    ]);
    const [started] = events.filter(event => isKnown(event, 'fenceStarted'));
    const [fenced] = events.filter(event => isKnown(event, 'fenceResult'));
    expect(fenced!.snapshotId).toBe(started!.snapshotId);
    expect(Object.keys(fenced!.hosts).sort()).toEqual(hosts.toSorted());
    for (const host of hosts) expect(fenced!.hosts[host]).toMatchObject({ state: 'consistent' });
    for (const moment of events.filter(event => isKnown(event, 'moment'))) {
      expect(moment).toMatchObject({ snapshotId: started!.snapshotId, runId: started!.runId });
    }
  },
);
