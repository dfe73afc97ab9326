/** One pool and followers under the test's control: who shares, who waits, what is replaced, what ends when. */
import { expect, test } from 'vitest';
import type { HostEntry } from '../../contract/hosts.ts';
import type { FollowerClient } from '../follower-client.ts';
import { createJournal } from '../journal.ts';
import { startRun } from '../run-everywhere/start.ts';
import type { FakeFollower } from '../test-support/fake-follower.ts';
import { startLink } from '../test-support/link.ts';
import { collect, quietRun, until, useStage } from '../test-support/stage.ts';
import type { TransportContext } from '../transports/index.ts';
import { createPool, type Pool, type PoolOptions } from './pool.ts';

const stage = useStage();

function pooled(options?: PoolOptions): Pool {
  const pool = createPool(options);
  stage.atEnd(() => pool.close());
  return pool;
}
const context = (more: Partial<TransportContext> = {}): TransportContext => ({
  stateDir: stage.options.stateDir,
  timeoutMs: 5_000,
  start: true,
  ...more,
});
const greetings = (fake: FakeFollower) => fake.requests.filter(each => each === 'GET /v1/info').length;
const request = (runId: string, host: HostEntry) => ({
  runId,
  host: host.name,
  command: { kind: 'argv' as const, argv: ['x'] },
  cwd: '/',
});
const follow = async (client: FollowerClient, host: HostEntry, runId: string) => {
  const types: string[] = [];
  for await (const { event } of client.events(createJournal(host.name, runId), { lead: true }))
    types.push(event.type);
  return types;
};
async function linked(fake: FakeFollower) {
  const link = await startLink(`${fake.host.socket}.link`, fake.host.socket!);
  stage.atEnd(() => link.close());
  return { link, host: { ...fake.host, socket: link.path } };
}
/** Longer than what is taken for a sign of life. A watch that looks this rarely does not see it. */
const unwatched = { silence: 600_000 };
const goStale = () => new Promise(fulfil => setTimeout(fulfil, 2_600));

test('one after the other, and all at once: one connection', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  const first = await pool.connect(fake.host, context());
  first.close();
  await first.closed;
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => pool.connect(fake.host, context({ timeoutMs: 5_000 }))),
  );
  expect(greetings(fake)).toBe(1);
  expect(fake.connections()).toBe(1);
  expect(pool.status()).toMatchObject([
    { host: 'a', transport: 'local', address: fake.host.socket, state: 'busy', leases: 20, version: '0.1.0' },
  ]);
  for (const client of clients) {
    client.close();
    client.close();
  }
  expect(pool.status()).toMatchObject([{ state: 'idle', leases: 0 }]);
});

test('those who come while it is being made share the attempt', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  const wanted = Array.from({ length: 10 }, () => pool.connect(fake.host, context()));
  expect(pool.status()).toMatchObject([{ host: 'a', state: 'connecting', leases: 0 }]);
  const clients = await Promise.all(wanted);
  expect(greetings(fake)).toBe(1);
  expect(new Set(clients.map(({ info }) => info)).size).toBe(1);
});

test('two catalogues with hosts of one name', async () => {
  const [one, other] = [await stage.follower('one'), await stage.follower('other')];
  const pool = pooled();
  for (const fake of [one, other]) await pool.connect({ ...fake.host, name: 'lin-01' }, context());
  expect([one.connections(), other.connections()]).toEqual([1, 1]);
});

test('a client ends its own streams and no other’s', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  const running = quietRun(fake);
  const mine = await pool.connect(fake.host, context());
  const others = await pool.connect(fake.host, context());
  await mine.startRun(request('r', fake.host));
  const run = await running;
  const followed = [follow(mine, fake.host, 'r'), follow(others, fake.host, 'r')];
  await until(() => fake.requests.filter(each => each.includes('/events')).length === 2);
  mine.close();
  await mine.closed;
  await expect(followed[0]).rejects.toMatchObject({ code: 'AW_HOST_UNREACHABLE', host: 'a' });
  await expect(mine.runs()).rejects.toMatchObject({ code: 'AW_HOST_UNREACHABLE', host: 'a' });
  run.log('still there');
  run.exit();
  expect(await followed[1]).toEqual(['hostStarted', 'hostLog', 'hostExited']);
  expect(greetings(fake)).toBe(1);
});

test('runs that end as they should reset no stream: a peer cuts off who does that often', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  const codes: (number | undefined)[] = [];
  fake.intercept = stream => {
    stream.once('close', () => codes.push(stream.rstCode));
    return false;
  };
  for (let n = 0; n < 20; n++) {
    const run = await startRun(stage.spec([fake.host]), { ...stage.options, connect: pool.connect });
    expect((await collect(run)).outcome.exitCode).toBe(0);
  }
  await until(() => codes.length === fake.requests.length);
  expect(fake.requests.length).toBe(1 + 20 * 2);
  expect(new Set(codes)).toEqual(new Set([0]));
});

test('readers that stand still leave the connection to the others', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  fake.onRun = run => {
    run.start();
    if (run.request.runId === 'quick') return run.exit();
    for (let n = 0; n < 64; n++) run.log('x'.repeat(64 * 1024));
  };
  // Together more than a connection holds.
  for (let n = 0; n < 12; n++) {
    const client = await pool.connect(fake.host, context());
    await client.startRun(request(`slow-${n}`, fake.host));
    await client.events(createJournal('a', `slow-${n}`), { lead: true }).next();
  }
  const client = await pool.connect(fake.host, context());
  await client.startRun(request('quick', fake.host));
  expect(await follow(client, fake.host, 'quick')).toEqual(['hostStarted', 'hostExited']);
  expect(fake.connections()).toBe(1);
});

test('who gives up gives up alone; the last one takes the attempt along', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  let greet = () => {};
  fake.intercept = (stream, headers) => {
    if (headers[':path'] !== '/v1/info') return false;
    fake.intercept = () => false;
    greet = () => {
      stream.respond({ ':status': 200 });
      stream.end(JSON.stringify({ ...fake.info, now: new Date().toISOString() }));
    };
    return true;
  };
  const [impatient, patient] = [new AbortController(), new AbortController()];
  const gone = pool.connect(fake.host, context({ signal: impatient.signal }));
  const stays = pool.connect(fake.host, context({ signal: patient.signal }));
  await until(() => greetings(fake) === 1);
  impatient.abort();
  await expect(gone).rejects.toMatchObject({ code: 'AW_HOST_UNREACHABLE', host: 'a' });
  greet();
  const client = await stays;
  expect(await client.runs()).toEqual([]);

  const other = await stage.follower('b');
  other.intercept = () => true;
  const hopeless = pool.connect(other.host, context({ signal: patient.signal }));
  await until(() => greetings(other) === 1);
  patient.abort();
  await expect(hopeless).rejects.toMatchObject({ code: 'AW_HOST_UNREACHABLE' });
  await until(() => other.connections() === 0 && pool.status().length === 1);
  await expect(pool.connect(fake.host, context({ signal: patient.signal }))).rejects.toMatchObject({
    code: 'AW_HOST_UNREACHABLE',
  });
  expect(pool.status()).toMatchObject([{ leases: 1 }]);
});

test('an attempt fails for all who wait, and the next one is a new one', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  fake.info.protocol = 9;
  const attempts = [pool.connect(fake.host, context()), pool.warm(fake.host, context())];
  for (const result of await Promise.allSettled(attempts))
    expect(result).toMatchObject({ reason: { code: 'AW_PROTOCOL_MISMATCH', host: 'a' } });
  await until(() => pool.status().length === 0);
  expect(greetings(fake)).toBe(1);
  fake.info.protocol = 1;
  expect(await pool.warm(fake.host, context())).toMatchObject({ host: 'a', state: 'idle' });
});

test('an attempt that may start an agent is not shared with one that may not', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  await Promise.all([
    pool.connect(fake.host, context({ start: false })),
    pool.connect(fake.host, context({ start: true })),
  ]);
  expect(greetings(fake)).toBe(2);
  await pool.connect(fake.host, context({ start: false }));
  expect(greetings(fake)).toBe(2);
});

test('a peer that has gone is gone from the pool', async () => {
  const fake = await stage.follower('a');
  const pool = pooled();
  const client = await pool.connect(fake.host, context());
  fake.dropConnections();
  await client.closed;
  await until(() => pool.status().length === 0);
  expect(await (await pool.connect(fake.host, context())).runs()).toEqual([]);
  expect(greetings(fake)).toBe(2);
});

test('one that does not answer is replaced before it is handed out', async () => {
  const fake = await stage.follower('a');
  const { link, host } = await linked(fake);
  const pool = pooled(unwatched);
  await pool.warm(host, context());
  link.freeze();
  await goStale();
  const clients = await Promise.all([1, 2, 3].map(() => pool.connect(host, context())));
  for (const client of clients) expect(await client.runs()).toEqual([]);
  expect(link.made).toBe(2);
  await until(() => pool.status().length === 1);
});

test('one that still answers is handed out', async () => {
  const fake = await stage.follower('a');
  const pool = pooled(unwatched);
  await pool.warm(fake.host, context());
  await goStale();
  await Promise.all([1, 2, 3].map(() => pool.connect(fake.host, context())));
  expect(greetings(fake)).toBe(1);
});

test('one that has become silent is not handed out, and those who use it may still see it come back', async () => {
  const fake = await stage.follower('a');
  const { link, host } = await linked(fake);
  const pool = pooled(unwatched);
  const running = quietRun(fake);
  const before = await pool.connect(host, context());
  await before.startRun(request('r', host));
  const followed = follow(before, host, 'r');
  const run = await running;
  link.freeze();
  await goStale();
  await pool.connect(host, context());
  expect(pool.status().map(({ state }) => state)).toEqual(['closing', 'busy']);
  run.exit();
  link.thaw();
  expect(await followed).toEqual(['hostStarted', 'hostExited']);
  before.close();
  await until(() => pool.status().length === 1 && link.open === 1);
});

test('after a sleep of the machine it is asked first', async () => {
  const fake = await stage.follower('a');
  const { link, host } = await linked(fake);
  const pool = pooled(unwatched);
  await pool.warm(host, context());
  link.freeze();
  const now = Date.now;
  stage.atEnd(() => {
    Date.now = now;
  });
  Date.now = () => now() + 3_600_000;
  await pool.warm(host, context());
  expect(link.made).toBe(2);
});

test('a peer that has said good-bye gets nothing new, and is let go when the last is done', async () => {
  const fake = await stage.follower('a');
  const { link, host } = await linked(fake);
  const pool = pooled();
  const running = quietRun(fake);
  const before = await pool.connect(host, context());
  await before.startRun(request('r', host));
  const followed = follow(before, host, 'r');
  const run = await running;
  await until(() => fake.requests.some(each => each.includes('/events')));
  for (const session of fake.sessions) session.goaway();
  await until(() => pool.status()[0]?.state === 'closing');
  await pool.connect(host, context());
  run.exit();
  expect(await followed).toEqual(['hostStarted', 'hostExited']);
  before.close();
  await until(() => pool.status().length === 1 && link.open === 1);
});

test('an unused connection ends after its time, a used one does not', async () => {
  const [idle, busy] = [await stage.follower('idle'), await stage.follower('busy')];
  const pool = pooled({ idleMs: 20 });
  await pool.connect(busy.host, context());
  (await pool.connect(idle.host, context())).close();
  await until(() => idle.connections() === 0);
  expect(busy.connections()).toBe(1);
  expect(pool.status()).toMatchObject([{ host: 'busy', leases: 1 }]);
});

test('beyond the bound the one that was unused for longest goes', async () => {
  const fakes = await Promise.all(['a', 'b', 'c', 'd'].map(name => stage.follower(name)));
  const pool = pooled({ maxKept: 2 });
  const used = await pool.connect(fakes[0]!.host, context());
  for (const { host } of fakes.slice(1)) {
    await pool.warm(host, context());
    await new Promise(fulfil => setTimeout(fulfil, 5));
  }
  await until(() => fakes.map(fake => fake.connections()).join() === '1,0,0,1');
  await used.runs();
});

test('close ends all there is, and all that is under way', async () => {
  const [there, coming] = [await stage.follower('there'), await stage.follower('coming')];
  const pool = createPool();
  coming.intercept = () => true;
  const client = await pool.connect(there.host, context());
  const attempt = pool.connect(coming.host, context());
  await until(() => greetings(coming) === 1);
  const refused = expect(attempt).rejects.toMatchObject({ code: 'AW_HOST_UNREACHABLE', host: 'coming' });
  await pool.close();
  await refused;
  await client.closed;
  await until(() => there.connections() + coming.connections() === 0);
  expect(pool.status()).toEqual([]);
  await expect(pool.connect(there.host, context())).rejects.toMatchObject({
    code: 'AW_HOST_UNREACHABLE',
    message: expect.stringContaining('ending'),
  });
});
