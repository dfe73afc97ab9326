/** The service killed, the leader killed: the session has every event of the run once all the same. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { attachRun } from '../run-everywhere/attach.ts';
import type { FakeRun } from '../test-support/fake-follower.ts';
import { common, freePort, kill, realService, stored } from '../test-support/services.ts';
import { collect, useStage } from '../test-support/stage.ts';

const stage = useStage();
const numbersOf = (events: Event[]) =>
  events.flatMap(event => (event.type === 'hostLog' ? [Number(event.message)] : []));
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

test('the service is killed in the midst of a run: it lacks nothing afterwards', async () => {
  const follower = await stage.follower('a');
  const port = await freePort();
  let service = await realService(stage, port);
  await service.client.createSession({ id: 's' });
  follower.onRun = async run => {
    run.start();
    for (let n = 0; n < 600; n++) {
      run.log(`${n}\n`);
      if (n % 200 === 100) {
        // In the midst of pushing.
        await new Promise(fulfil => setTimeout(fulfil, 160));
        await kill(service.child);
        service = await realService(stage, port);
      }
    }
    run.exit();
  };
  stage.options.timing = { ...stage.options.timing, flush: 20_000 };
  const { events } = await stage.go([follower.host], {
    service: { url: service.url, sessionId: 's', followerReports: false },
  });
  const all = await stored(service.client);
  expect(numbersOf(all)).toEqual(numbers(600));
  expect(common(all)).toEqual(common(events));
  expect((await service.client.session('s')).status).toBe('completed');
});

test.each([0, 60, 200])(
  'the leader is killed %i ms into the output: attach completes it, nothing twice',
  async delay => {
    const follower = await stage.follower('a');
    const { client, url } = await realService(stage);
    await client.createSession({ id: 's' });
    let live: FakeRun | undefined;
    follower.onRun = run => {
      live = run;
      run.start();
      for (let n = 0; n < 500; n++) run.log(`${n}\n`);
    };
    const unreachable = { ...follower.host, name: 'gone', socket: join(stage.root, 'nobody.sock') };
    const service = { url, sessionId: 's', followerReports: false };
    const spec = stage.spec([follower.host, unreachable], { runId: 'killed', service });
    const lead = join(import.meta.dirname, '../test-support/lead.ts');
    const args = [lead, JSON.stringify(spec), stage.options.stateDir];
    const leader = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    stage.atEnd(() => kill(leader));
    for await (const type of createInterface(leader.stdout)) if (type === 'hostLog') break;
    await new Promise(fulfil => setTimeout(fulfil, delay));
    await kill(leader);

    for (let n = 500; n < 700; n++) live!.log(`${n}\n`);
    live!.exit();
    stage.options.timing = { ...stage.options.timing, flush: 20_000 };
    const { events, outcome } = await collect(await attachRun('killed', stage.options));
    expect(numbersOf(events)).toEqual(numbers(700));
    expect(outcome).toMatchObject({ exitCode: 4, summary: { passed: ['a'], failed: ['gone'] } });
    const all = await stored(client);
    expect(numbersOf(all)).toEqual(numbers(700));
    const others = all.filter(({ type }) => type !== 'hostLog');
    expect(others.map(({ type, host = '' }) => `${type} ${host}`).sort()).toEqual([
      'followersCatalog ',
      'hostExited a',
      'hostExited gone',
      'hostStarted a',
      'hostStarted gone',
      'summary ',
    ]);
    // Looking again brings the service nothing it has.
    await collect(await attachRun('killed', stage.options));
    expect(await stored(client)).toEqual(all);
  },
);
