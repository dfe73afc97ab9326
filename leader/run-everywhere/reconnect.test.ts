/** Links that break in the midst of a run, and followers that do not come back. */
import { expect, test } from 'vitest';
import { typesOf, useStage } from '../test-support/stage.ts';

const stage = useStage();

test('a broken stream is taken up where it broke, as often as it takes', async () => {
  const fake = await stage.follower('a');
  let streams = 0;
  fake.intercept = (_, headers) => {
    if (!headers[':path']?.includes('/events')) return false;
    streams++;
    if (streams <= 4) setTimeout(() => fake.dropConnections(), 20);
    return false;
  };
  fake.onRun = async run => {
    run.start();
    for (let n = 0; n < 50; n++) {
      run.log(`${n}\n`);
      await new Promise(fulfil => setTimeout(fulfil, 20));
    }
    run.exit();
  };
  const { events, outcome } = await stage.go([fake.host]);
  expect(streams).toBeGreaterThan(4);
  expect(outcome.exitCode).toBe(0);
  const messages = events.flatMap(event => (event.type === 'hostLog' ? [event.message] : []));
  expect(messages).toEqual(Array.from({ length: 50 }, (_, n) => `${n}\n`));
  const path = { method: 'local', transport: 'local', origin: 'leader' };
  expect(events).toContainEqual(expect.objectContaining({ type: 'connect.path.degraded', ...path }));
  expect(events).toContainEqual(expect.objectContaining({ type: 'connect.path.restored', ...path }));
  expect([...fake.runs.values()]).toHaveLength(1);
});

test('a follower that stays away is lost, with what was seen of it', async () => {
  const fake = await stage.follower('a');
  fake.onRun = async run => {
    run.start();
    run.log('last words\n');
    await new Promise(fulfil => setTimeout(fulfil, 50));
    await fake.stopListening();
  };
  const { events, outcome } = await stage.go([fake.host]);
  expect(outcome.hosts.a).toMatchObject({
    verdict: 'failed',
    reason: 'lost',
    error: { code: 'AW_RUN_LOST' },
  });
  expect(outcome.exitCode).toBe(4);
  expect(typesOf(events, 'a')).toEqual(['hostStarted', 'hostLog', 'connect.path.degraded', 'hostExited']);
});

test('an agent that came back tells how it ended', async () => {
  const fake = await stage.follower('a');
  fake.onRun = async run => {
    run.start();
    await new Promise(fulfil => setTimeout(fulfil, 50));
    await fake.stopListening();
    run.exit({ code: null, reason: 'lost', error: { code: 'AW_RUN_LOST', message: 'the agent died' } });
    await fake.listen();
  };
  const { events, outcome } = await stage.go([fake.host]);
  expect(outcome.hosts.a!.error!.message).toBe('the agent died');
  expect(events.find(event => event.type === 'hostExited')!.origin).toBe('follower');
});

test('an answer lost on the way does not start a run twice', async () => {
  const fake = await stage.follower('a');
  let posts = 0;
  fake.onRun = run => {
    run.start();
    run.exit();
  };
  fake.intercept = (_, headers) => {
    if (headers[':method'] === 'POST' && headers[':path'] === '/v1/runs' && ++posts === 1) {
      setTimeout(() => fake.dropConnections(), 0);
      return true;
    }
    return false;
  };
  const { outcome } = await stage.go([fake.host]);
  expect(posts).toBe(2);
  expect(fake.runs.size).toBe(1);
  expect(outcome.exitCode).toBe(0);
});

test('a follower that knows the run no more: lost, and never started again', async () => {
  const fake = await stage.follower('a');
  fake.onRun = async run => {
    run.start();
    await new Promise(fulfil => setTimeout(fulfil, 50));
    fake.runs.clear();
    fake.dropConnections();
  };
  const { outcome } = await stage.go([fake.host]);
  expect(outcome.hosts.a).toMatchObject({ reason: 'lost', error: { code: 'AW_RUN_LOST' } });
  expect(fake.requests.filter(request => request === 'POST /v1/runs')).toHaveLength(1);
});
