/** Ending runs: from the leader, and from another process. */
import { expect, test } from 'vitest';
import { collect, quietRun, typesOf, until, useStage } from '../test-support/stage.ts';
import { cancelRun } from './cancel.ts';
import { startRun } from './start.ts';

const stage = useStage();

test('cancel asks every host, and they say how it ended', async () => {
  const [a, b] = [await stage.follower('a'), await stage.follower('b')];
  const started = Promise.all([quietRun(a), quietRun(b)]);
  const run = await startRun(stage.spec([a.host, b.host]), stage.options);
  const done = collect(run);
  for (const each of await started) {
    each.onSignal = () => each.exit({ code: null, signal: 'SIGINT', reason: 'cancelled', survivors: [] });
  }
  run.cancel('interrupt');
  const { outcome } = await done;
  expect(outcome.exitCode).toBe(130);
  expect(outcome.hosts.a).toMatchObject({ reason: 'cancelled', survivors: [] });
  expect((await started)[0].signals).toEqual([{ signal: 'interrupt', cancel: true }]);
});

test('a second, stronger cancel goes out too; a host that does not confirm it is lost', async () => {
  const fake = await stage.follower('a');
  const started = quietRun(fake);
  const run = await startRun(stage.spec([fake.host]), stage.options);
  const done = collect(run);
  const it = await started;
  run.cancel('interrupt');
  await until(() => it.signals.length === 1);
  run.cancel('kill');
  run.cancel('interrupt');
  const { outcome } = await done;
  expect(it.signals.map(({ signal }) => signal)).toEqual(['interrupt', 'kill']);
  expect(outcome.hosts.a).toMatchObject({ reason: 'lost', error: { code: 'AW_RUN_LOST' } });
});

test('cancel ends hosts that have not begun and hosts still connecting', async () => {
  const [first, second] = [await stage.follower('first'), await stage.follower('second')];
  const started = quietRun(first);
  const tarpit = await stage.follower('tarpit');
  tarpit.onConnection = () => false;
  const run = await startRun(
    stage.spec([first.host, tarpit.host, second.host], { maxParallel: 2 }),
    stage.options,
  );
  const done = collect(run);
  const it = await started;
  it.onSignal = () => it.exit({ code: null, reason: 'cancelled' });
  run.cancel('interrupt');
  const { events, outcome } = await done;
  expect(outcome.exitCode).toBe(130);
  for (const name of ['tarpit', 'second']) {
    expect(outcome.hosts[name]).toMatchObject({ reason: 'cancelled', error: { code: 'AW_RUN_CANCELLED' } });
    expect(typesOf(events, name)).toEqual(['hostStarted', 'hostExited']);
  }
  expect(second.requests).toEqual([]);
});

test('another process ends a run: its hosts, and those it would have begun', async () => {
  const [a, b] = [await stage.follower('a'), await stage.follower('b')];
  const started = quietRun(a);
  const run = await startRun(stage.spec([a.host, b.host], { maxParallel: 1 }), stage.options);
  const done = collect(run);
  const it = await started;
  it.onSignal = () => it.exit({ code: null, reason: 'cancelled' });
  const reports = await cancelRun(run.runId, stage.options);
  expect(reports).toEqual([
    { host: 'a', state: 'ended' },
    { host: 'b', state: 'ended' },
  ]);
  const { outcome } = await done;
  expect(outcome.exitCode).toBe(130);
  expect(b.runs.size).toBe(0);
  expect(await cancelRun(run.runId, stage.options)).toEqual(reports);
});
