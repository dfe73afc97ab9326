/** Whole runs against followers under the test's control. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { listRuns } from '../records/read.ts';
import { type FakeFollower, type FakeRun, startFakeFollower } from '../test-support/fake-follower.ts';
import type { Outcome, Run, RunSpec } from '../types.ts';
import { attachRun } from './attach.ts';
import { cancelRun } from './cancel.ts';
import { type RunOptions, startRun } from './start.ts';

let root: string;
let fakes: FakeFollower[];
let options: RunOptions;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aw-run-'));
  fakes = [];
  options = {
    stateDir: join(root, 'state'),
    timing: { reconnect: 1500, connect: 2000, killWait: 300, flush: 500 },
  };
});
afterEach(async () => {
  for (const fake of fakes) await fake.close();
  rmSync(root, { recursive: true });
});

const follower = async (name: string, more: object = {}): Promise<FakeFollower> => {
  const fake = await startFakeFollower(name, root, more);
  fakes.push(fake);
  return fake;
};
const spec = (hosts: HostEntry[], more: Partial<RunSpec> = {}): RunSpec => ({
  hosts,
  project: root,
  cwd: root,
  command: { kind: 'argv', argv: ['true'] },
  env: {},
  onLeaderLoss: 'continue',
  mapOutput: false,
  expandWorkspace: false,
  detach: false,
  ...more,
});
const collect = async (run: Run): Promise<{ events: Event[]; outcome: Outcome }> => {
  const events: Event[] = [];
  for await (const event of run.events) events.push(event);
  return { events, outcome: await run.outcome };
};
const go = async (hosts: HostEntry[], more: Partial<RunSpec> = {}) =>
  collect(await startRun(spec(hosts, more), options));
const of = (events: Event[], host: string) =>
  events.filter(event => 'host' in event && event.host === host).map(({ type }) => type);
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise(fulfil => setTimeout(fulfil, 5));
};

test('every host ends in the grammar, the summary is last, the record says the same', async () => {
  const [a, b] = [await follower('a'), await follower('b')];
  a.onRun = run => {
    run.start();
    run.log('hello\n');
    run.exit();
  };
  b.onRun = run => {
    run.start();
    run.exit({ code: 3 });
  };
  const run = await startRun(spec([a.host, b.host]), options);
  const { events, outcome } = await collect(run);
  expect(of(events, 'a')).toEqual(['hostStarted', 'hostLog', 'hostExited']);
  expect(of(events, 'b')).toEqual(['hostStarted', 'hostExited']);
  expect(events.at(-1)).toMatchObject({
    type: 'summary',
    origin: 'leader',
    runId: run.runId,
    passed: ['a'],
    failed: ['b'],
    exitCode: 1,
  });
  expect(outcome).toMatchObject({
    exitCode: 1,
    hosts: { a: { verdict: 'passed' }, b: { verdict: 'failed', code: 3 } },
  });
  expect(await listRuns(options)).toMatchObject([
    { runId: run.runId, state: 'ended', project: root, outcome },
  ]);
  expect(a.requests.filter(request => request.includes('/events'))).toEqual([
    `GET /v1/runs/${run.runId}/events?from=0&lead=1`,
  ]);
  await until(() => a.connections() === 0);
});

test('what is asked of a host: its directory, the merged variables, the workspace in arguments', async () => {
  const fake = await follower('win', {
    os: 'windows',
    workspace: 'S:\\proj',
    shell: 'pwsh',
    env: { Path: 'x', KEEP: '{workspace}/k' },
  });
  fake.info.os = 'windows';
  await go([fake.host], {
    cwd: join(root, 'sub', 'dir'),
    command: { kind: 'argv', argv: ['t', '{workspace}/a', '{nothing}'] },
    env: { PATH: 'y', T: '1' },
    expandWorkspace: true,
    mapOutput: true,
    timeoutMs: 5000,
    graceMs: 10,
  });
  const [run] = [...fake.runs.values()];
  expect(run!.request).toMatchObject({
    host: 'win',
    command: { kind: 'argv', argv: ['t', 'S:\\proj/a', '{nothing}'] },
    cwd: 'S:\\proj\\sub\\dir',
    env: { PATH: 'y', T: '1', KEEP: 'S:\\proj/k' },
    loginShell: 'pwsh',
    timeoutMs: 5000,
    graceMs: 10,
    stdin: 'none',
    mapOutput: [{ from: 'S:\\proj', to: root }],
  });
  expect(run!.request.env.Path).toBeUndefined();
});

test('the record is private and holds no values of variables', async () => {
  const fake = await follower('a', { env: { HOST_SECRET: 'hunter2' } });
  const run = await startRun(spec([fake.host], { env: { TOKEN: 'hunter2' } }), options);
  await collect(run);
  const directory = join(options.stateDir!, 'runs', run.runId);
  expect(statSync(directory).mode & 0o077).toBe(0);
  for (const file of readdirSync(directory)) {
    expect(readFileSync(join(directory, file), 'utf8')).not.toContain('hunter2');
    expect(statSync(join(directory, file)).mode & 0o077).toBe(0);
  }
  expect(readFileSync(join(directory, 'run.json'), 'utf8')).toContain('TOKEN');
});

test('a host that cannot be asked is spoken for, and the others run', async () => {
  const good = await follower('good');
  const outside = { ...good.host, name: 'outside', paths: [], workspace: root };
  const { events, outcome } = await go([
    good.host,
    { ...outside, socket: join(root, 'nobody.sock') },
    { ...good.host, name: 'ssh', transport: 'ssh' },
  ]);
  expect(outcome.exitCode).toBe(4);
  expect(outcome.hosts).toMatchObject({
    good: { verdict: 'passed' },
    outside: { reason: 'lost', error: { code: 'AW_HOST_UNREACHABLE' } },
    ssh: { reason: 'spawn-failed', error: { code: 'AW_TRANSPORT_UNSUPPORTED' } },
  });
  expect(of(events, 'outside')).toEqual(['hostStarted', 'hostExited']);
});

test('a directory outside the project is refused without asking anybody', async () => {
  const fake = await follower('a');
  const { outcome } = await go([fake.host], { cwd: '/' });
  expect(outcome.hosts.a).toMatchObject({ reason: 'spawn-failed', error: { code: 'AW_CWD_UNMAPPABLE' } });
  expect(outcome.exitCode).toBe(2);
  expect(fake.requests).toEqual([]);
});

test('a refused request is that host’s end', async () => {
  const fake = await follower('a');
  fake.intercept = (stream, headers) => {
    if (headers[':method'] !== 'POST') return false;
    stream.respond({ ':status': 429, 'content-type': 'application/problem+json' });
    stream.end(
      JSON.stringify({
        type: 't',
        title: 'T',
        status: 429,
        code: 'AW_TOO_MANY_RUNS',
        details: { count: 64 },
      }),
    );
    return true;
  };
  const { outcome } = await go([fake.host]);
  expect(outcome.hosts.a).toMatchObject({ reason: 'spawn-failed', error: { code: 'AW_TOO_MANY_RUNS' } });
  expect(outcome.hosts.a!.error!.message).toContain('64');
});

test('a broken stream is taken up where it broke, as often as it takes', async () => {
  const fake = await follower('a');
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
  const { events, outcome } = await go([fake.host]);
  expect(streams).toBeGreaterThan(4);
  expect(outcome.exitCode).toBe(0);
  const messages = events.flatMap(event => (event.type === 'hostLog' ? [event.message] : []));
  expect(messages).toEqual(Array.from({ length: 50 }, (_, n) => `${n}\n`));
  expect(of(events, 'a')).toContain('connect.path.degraded');
  expect(of(events, 'a')).toContain('connect.path.restored');
  expect([...fake.runs.values()]).toHaveLength(1);
});

test('a follower that stays away is lost, with what was seen of it', async () => {
  const fake = await follower('a');
  fake.onRun = async run => {
    run.start();
    run.log('last words\n');
    await new Promise(fulfil => setTimeout(fulfil, 50));
    await fake.stopListening();
  };
  const { events, outcome } = await go([fake.host]);
  expect(outcome.hosts.a).toMatchObject({
    verdict: 'failed',
    reason: 'lost',
    error: { code: 'AW_RUN_LOST' },
  });
  expect(outcome.exitCode).toBe(4);
  expect(of(events, 'a')).toEqual(['hostStarted', 'hostLog', 'connect.path.degraded', 'hostExited']);
});

test('an agent that came back tells how it ended', async () => {
  const fake = await follower('a');
  fake.onRun = async run => {
    run.start();
    await new Promise(fulfil => setTimeout(fulfil, 50));
    await fake.stopListening();
    run.exit({ code: null, reason: 'lost', error: { code: 'AW_RUN_LOST', message: 'the agent died' } });
    await fake.listen();
  };
  const { events, outcome } = await go([fake.host]);
  expect(outcome.hosts.a!.error!.message).toBe('the agent died');
  expect(events.find(event => event.type === 'hostExited')!.origin).toBe('follower');
});

test('an answer lost on the way does not start a run twice', async () => {
  const fake = await follower('a');
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
  const { outcome } = await go([fake.host]);
  expect(posts).toBe(2);
  expect(fake.runs.size).toBe(1);
  expect(outcome.exitCode).toBe(0);
});

test('a follower that knows the run no more: lost, and never started again', async () => {
  const fake = await follower('a');
  fake.onRun = async run => {
    run.start();
    await new Promise(fulfil => setTimeout(fulfil, 50));
    fake.runs.clear();
    fake.dropConnections();
  };
  const { outcome } = await go([fake.host]);
  expect(outcome.hosts.a).toMatchObject({ reason: 'lost', error: { code: 'AW_RUN_LOST' } });
  expect(fake.requests.filter(request => request === 'POST /v1/runs')).toHaveLength(1);
});

const quiet = (fake: FakeFollower): Promise<FakeRun> =>
  new Promise(fulfil => {
    fake.onRun = run => {
      run.start();
      fulfil(run);
    };
  });

test('who does not pull is not sent on and on: the followers wait, each for itself', async () => {
  const [noisy, calm] = [await follower('noisy'), await follower('calm')];
  const message = 'x'.repeat(64 * 1024);
  const total = 1000;
  let sent = 0;
  noisy.intercept = (stream, headers) => {
    if (!headers[':path']?.includes('/events')) return false;
    const [run] = [...noisy.runs.values()];
    stream.respond({ ':status': 200 });
    const fill = () => {
      while (sent < total && stream.write(`${run!.lines[sent]}\n`)) sent++;
      if (sent === total) stream.end(`${run!.lines.at(-1)}\n`);
    };
    stream.on('drain', () => {
      sent++;
      fill();
    });
    fill();
    return true;
  };
  noisy.onRun = run => {
    run.start();
    for (let n = 1; n < total; n++) run.log(message);
    run.exit();
  };
  const run = await startRun(spec([noisy.host, calm.host]), options);
  await until(() => calm.connections() === 0 && calm.runs.size === 1);
  // Where it stops: the windows of the connection and the lane are full, a small part of all there is.
  for (let before = -1; before !== sent; await new Promise(fulfil => setTimeout(fulfil, 100))) before = sent;
  expect(sent).toBeLessThan(total / 4);
  const { events, outcome } = await collect(run);
  expect(outcome.exitCode).toBe(0);
  expect(of(events, 'noisy')).toHaveLength(total + 1);
});

test('cancel asks every host, and they say how it ended', async () => {
  const [a, b] = [await follower('a'), await follower('b')];
  const started = Promise.all([quiet(a), quiet(b)]);
  const run = await startRun(spec([a.host, b.host]), options);
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
  const fake = await follower('a');
  const started = quiet(fake);
  const run = await startRun(spec([fake.host]), options);
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
  const [first, second] = [await follower('first'), await follower('second')];
  const started = quiet(first);
  const tarpit = await follower('tarpit');
  tarpit.onConnection = () => false;
  const run = await startRun(spec([first.host, tarpit.host, second.host], { maxParallel: 2 }), options);
  const done = collect(run);
  const it = await started;
  it.onSignal = () => it.exit({ code: null, reason: 'cancelled' });
  run.cancel('interrupt');
  const { events, outcome } = await done;
  expect(outcome.exitCode).toBe(130);
  for (const name of ['tarpit', 'second']) {
    expect(outcome.hosts[name]).toMatchObject({ reason: 'cancelled', error: { code: 'AW_RUN_CANCELLED' } });
    expect(of(events, name)).toEqual(['hostStarted', 'hostExited']);
  }
  expect(second.requests).toEqual([]);
});

test('no more hosts at a time than allowed', async () => {
  const all = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(name => follower(name)));
  let now = 0;
  let most = 0;
  for (const fake of all) {
    fake.onRun = async run => {
      most = Math.max(most, ++now);
      run.start();
      await new Promise(fulfil => setTimeout(fulfil, 20));
      now--;
      run.exit();
    };
  }
  const { outcome } = await go(
    all.map(({ host }) => host),
    { maxParallel: 2 },
  );
  expect(outcome.exitCode).toBe(0);
  expect(most).toBe(2);
});

test('a follower that overruns the timeout is given up by the leader', async () => {
  const fake = await follower('a');
  void quiet(fake);
  options.timing = { ...options.timing, timeoutSlack: 50 };
  const { outcome } = await go([fake.host], { timeoutMs: 100, graceMs: 10 });
  expect(outcome.hosts.a).toMatchObject({ reason: 'timeout', error: { code: 'AW_RUN_TIMEOUT' } });
  expect(outcome.exitCode).toBe(124);
});

test('input reaches every host alike, also those that begin later', async () => {
  const all = await Promise.all(['a', 'b', 'c'].map(name => follower(name)));
  for (const fake of all) {
    fake.onRun = run => {
      run.start();
      run.onInputEnd = () => run.exit();
    };
  }
  const chunks = Array.from({ length: 40 }, (_, n) => Buffer.alloc(50_000, 65 + (n % 26)));
  const { outcome } = await go(
    all.map(({ host }) => host),
    { stdin: Readable.from(chunks), maxParallel: 1 },
  );
  expect(outcome.exitCode).toBe(0);
  for (const fake of all) {
    const [run] = [...fake.runs.values()];
    expect(run!.request.stdin).toBe('stream');
    expect(Buffer.concat(run!.input).equals(Buffer.concat(chunks))).toBe(true);
  }
  expect(
    readdirSync(join(options.stateDir!, 'runs')).flatMap(id =>
      readdirSync(join(options.stateDir!, 'runs', id)),
    ),
  ).not.toContain('input');
});

test('a host whose input was cut off does not pass', async () => {
  const fake = await follower('a');
  fake.onRun = run => {
    run.start();
    run.onInput = () => {
      run.onInput = () => {};
      fake.dropConnections();
    };
  };
  const endless = Readable.from(
    (async function* () {
      for (;;) {
        yield Buffer.alloc(1000);
        await new Promise(fulfil => setTimeout(fulfil, 5));
      }
    })(),
  );
  const { outcome } = await go([fake.host], { stdin: endless });
  expect(outcome.hosts.a).toMatchObject({ reason: 'lost', error: { code: 'AW_RUN_LOST' } });
  expect([...fake.runs.values()][0]!.signals.at(-1)).toMatchObject({ signal: 'kill', cancel: true });
});

test('a detached run: started everywhere, not waited for, attached to later', async () => {
  const [a, b] = [await follower('a'), await follower('b')];
  const runs = [quiet(a), quiet(b)];
  const run = await startRun(spec([a.host, b.host], { detach: true }), options);
  const { events, outcome } = await collect(run);
  expect(events).toEqual([]);
  expect(outcome).toMatchObject({ exitCode: 0, hosts: {} });
  expect(await listRuns(options)).toMatchObject([{ state: 'open', detached: true }]);

  const attached = collect(await attachRun(run.runId, options));
  for (const each of await Promise.all(runs)) each.exit();
  const second = await attached;
  expect(second.outcome.summary.passed).toEqual(['a', 'b']);
  expect(await listRuns(options)).toMatchObject([{ state: 'ended' }]);

  const third = await collect(await attachRun(run.runId, options));
  expect(third.events.at(-1)).toEqual(second.events.at(-1));
});

test('a run that was let go of goes on, and a later look tells the truth about a host that was lost', async () => {
  const fake = await follower('a');
  const started = quiet(fake);
  const run = await startRun(spec([fake.host]), options);
  for await (const event of run.events) if (event.type === 'hostStarted') break;
  await run.outcome;
  expect(await listRuns(options)).toMatchObject([{ state: 'open' }]);
  const it = await started;
  expect(it.signals).toEqual([]);

  await fake.stopListening();
  expect((await collect(await attachRun(run.runId, options))).outcome.hosts.a).toMatchObject({
    reason: 'lost',
  });
  await fake.listen();
  it.exit();
  const last = await collect(await attachRun(run.runId, options));
  expect(last.outcome).toMatchObject({ exitCode: 0, hosts: { a: { verdict: 'passed' } } });
  expect(await listRuns(options)).toMatchObject([{ outcome: { exitCode: 0 } }]);
  await fake.stopListening();
  expect((await collect(await attachRun(run.runId, options))).outcome.exitCode).toBe(0);
});

test('another process ends a run: its hosts, and those it would have begun', async () => {
  const [a, b] = [await follower('a'), await follower('b')];
  const started = quiet(a);
  const run = await startRun(spec([a.host, b.host], { maxParallel: 1 }), options);
  const done = collect(run);
  const it = await started;
  it.onSignal = () => it.exit({ code: null, reason: 'cancelled' });
  const reports = await cancelRun(run.runId, options);
  expect(reports).toEqual([
    { host: 'a', state: 'ended' },
    { host: 'b', state: 'ended' },
  ]);
  const { outcome } = await done;
  expect(outcome.exitCode).toBe(130);
  expect(b.runs.size).toBe(0);
  expect(await cancelRun(run.runId, options)).toEqual(reports);
});

test('a run under another leader is looked at without touching its record', async () => {
  const fake = await follower('a');
  const started = quiet(fake);
  const run = await startRun(spec([fake.host]), options);
  const done = collect(run);
  const it = await started;
  const onlooker = collect(await attachRun(run.runId, options));
  await until(() => fake.requests.some(request => request.endsWith('from=0')));
  it.exit();
  expect((await onlooker).outcome.exitCode).toBe(0);
  expect((await done).outcome.exitCode).toBe(0);
});

test('what makes no sense is refused before anything happens', async () => {
  const { host } = await follower('a');
  const refused = (more: Partial<RunSpec>, hosts = [host]) =>
    startRun(spec(hosts, more), options).then(
      () => 'started',
      error => error.code,
    );
  expect(await refused({}, [])).toBe('AW_USAGE');
  expect(await refused({}, [host, host])).toBe('AW_USAGE');
  expect(await refused({ runId: '../x' })).toBe('AW_USAGE');
  expect(await refused({ detach: true, stdin: Readable.from([]) })).toBe('AW_USAGE');
  expect(await refused({ detach: true, onLeaderLoss: 'cancel' })).toBe('AW_USAGE');
  expect(await refused({ maxParallel: 0 })).toBe('AW_USAGE');
  await collect(await startRun(spec([host], { runId: 'one' }), options));
  expect(await refused({ runId: 'one' })).toBe('AW_RUN_CONFLICT');
  expect(await attachRun('none', options).catch(error => error.code)).toBe('AW_RUN_NOT_FOUND');
  expect(await attachRun('../one', options).catch(error => error.code)).toBe('AW_RUN_NOT_FOUND');
});
