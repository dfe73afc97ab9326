/** Runs that somebody goes on with later. */
import { expect, test } from 'vitest';
import { listRuns } from '../records/read.ts';
import { collect, quietRun, until, useStage } from '../test-support/stage.ts';
import { attachRun } from './attach.ts';
import { startRun } from './start.ts';

const stage = useStage();

test('a detached run: started everywhere, not waited for, attached to later', async () => {
  const [a, b] = [await stage.follower('a'), await stage.follower('b')];
  const runs = [quietRun(a), quietRun(b)];
  const run = await startRun(stage.spec([a.host, b.host], { detach: true }), stage.options);
  const { events, outcome } = await collect(run);
  expect(events).toEqual([]);
  expect(outcome).toMatchObject({ exitCode: 0, hosts: {} });
  expect(await listRuns(stage.options)).toMatchObject([{ state: 'open', detached: true }]);

  const attached = collect(await attachRun(run.runId, stage.options));
  for (const each of await Promise.all(runs)) each.exit();
  const second = await attached;
  expect(second.outcome.summary.passed).toEqual(['a', 'b']);
  const ends = second.events.flatMap(event => (event.type === 'hostExited' ? [Date.parse(event.ts)] : []));
  const startedAt = (await listRuns(stage.options))[0]!.startedAt;
  expect(second.outcome.summary.durationMs).toBe(Math.max(...ends) - Date.parse(startedAt));
  expect(await listRuns(stage.options)).toMatchObject([{ state: 'ended' }]);

  const third = await collect(await attachRun(run.runId, stage.options));
  expect(third.events.at(-1)).toEqual(second.events.at(-1));
});

test('a run that was let go of goes on, and a later look tells the truth about a host that was lost', async () => {
  const fake = await stage.follower('a');
  const started = quietRun(fake);
  const run = await startRun(stage.spec([fake.host]), stage.options);
  for await (const event of run.events) if (event.type === 'hostStarted') break;
  await run.outcome;
  expect(await listRuns(stage.options)).toMatchObject([{ state: 'open' }]);
  const it = await started;
  expect(it.signals).toEqual([]);

  await fake.stopListening();
  expect((await collect(await attachRun(run.runId, stage.options))).outcome.hosts.a).toMatchObject({
    reason: 'lost',
  });
  await fake.listen();
  it.exit();
  const last = await collect(await attachRun(run.runId, stage.options));
  expect(last.outcome).toMatchObject({ exitCode: 0, hosts: { a: { verdict: 'passed' } } });
  expect(await listRuns(stage.options)).toMatchObject([{ outcome: { exitCode: 0 } }]);
  await fake.stopListening();
  expect((await collect(await attachRun(run.runId, stage.options))).outcome.exitCode).toBe(0);
});

test('a run under another leader is looked at without touching its record', async () => {
  const fake = await stage.follower('a');
  const started = quietRun(fake);
  const run = await startRun(stage.spec([fake.host]), stage.options);
  const done = collect(run);
  const it = await started;
  const onlooker = collect(await attachRun(run.runId, stage.options));
  await until(() => fake.requests.some(request => request.endsWith('from=0')));
  it.exit();
  expect((await onlooker).outcome.exitCode).toBe(0);
  expect((await done).outcome.exitCode).toBe(0);
});
