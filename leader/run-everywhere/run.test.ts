/** Whole runs against followers under the test's control: what is asked, said and kept. */
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { listRuns } from '../records/read.ts';
import { collect, quietRun, typesOf, until, useStage } from '../test-support/stage.ts';
import type { RunSpec } from '../types.ts';
import { attachRun } from './attach.ts';
import { startRun } from './start.ts';

const stage = useStage();

test('every host ends in the grammar, the summary is last, the record says the same', async () => {
  const [a, b] = [await stage.follower('a'), await stage.follower('b')];
  a.onRun = run => {
    run.start();
    run.log('hello\n');
    run.exit();
  };
  b.onRun = run => {
    run.start();
    run.exit({ code: 3 });
  };
  const run = await startRun(stage.spec([a.host, b.host]), stage.options);
  const { events, outcome } = await collect(run);
  expect(typesOf(events, 'a')).toEqual(['hostStarted', 'hostLog', 'hostExited']);
  expect(typesOf(events, 'b')).toEqual(['hostStarted', 'hostExited']);
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
  expect(await listRuns(stage.options)).toMatchObject([
    { runId: run.runId, state: 'ended', project: stage.root, outcome },
  ]);
  expect(a.requests.filter(request => request.includes('/events'))).toEqual([
    `GET /v1/runs/${run.runId}/events?from=0&lead=1`,
  ]);
  await until(() => a.connections() === 0);
});

test('what is asked of a host: its directory, the merged variables, the workspace in arguments', async () => {
  const fake = await stage.follower('win', {
    os: 'windows',
    workspace: 'S:\\proj',
    shell: 'pwsh',
    env: { Path: 'x', KEEP: '{workspace}/k' },
  });
  fake.info.os = 'windows';
  await stage.go([fake.host], {
    cwd: join(stage.root, 'sub', 'dir'),
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
    mapOutput: [{ from: 'S:\\proj', to: stage.root }],
  });
  expect(run!.request.env.Path).toBeUndefined();
});

test('the record is private and holds no values of variables', async () => {
  const fake = await stage.follower('a', { env: { HOST_SECRET: 'hunter2' } });
  const run = await startRun(stage.spec([fake.host], { env: { TOKEN: 'hunter2' } }), stage.options);
  await collect(run);
  const directory = join(stage.options.stateDir, 'runs', run.runId);
  expect(statSync(directory).mode & 0o077).toBe(0);
  for (const file of readdirSync(directory)) {
    expect(readFileSync(join(directory, file), 'utf8')).not.toContain('hunter2');
    expect(statSync(join(directory, file)).mode & 0o077).toBe(0);
  }
  expect(readFileSync(join(directory, 'run.json'), 'utf8')).toContain('TOKEN');
});

test('a host that cannot be asked is spoken for, and the others run', async () => {
  const good = await stage.follower('good');
  const outside = { ...good.host, name: 'outside', paths: [], workspace: stage.root };
  const { events, outcome } = await stage.go([
    good.host,
    { ...outside, socket: join(stage.root, 'nobody.sock') },
    { ...good.host, name: 'relay', transport: 'relay' },
  ]);
  expect(outcome.exitCode).toBe(4);
  expect(outcome.hosts).toMatchObject({
    good: { verdict: 'passed' },
    outside: { reason: 'lost', error: { code: 'AW_HOST_UNREACHABLE' } },
    relay: { reason: 'spawn-failed', error: { code: 'AW_TRANSPORT_UNSUPPORTED' } },
  });
  expect(typesOf(events, 'outside')).toEqual(['hostStarted', 'hostExited']);
});

test('a directory outside the project is refused without asking anybody', async () => {
  const fake = await stage.follower('a');
  const { outcome } = await stage.go([fake.host], { cwd: '/' });
  expect(outcome.hosts.a).toMatchObject({ reason: 'spawn-failed', error: { code: 'AW_CWD_UNMAPPABLE' } });
  expect(outcome.exitCode).toBe(2);
  expect(fake.requests).toEqual([]);
});

test('a refused request is that host’s end', async () => {
  const fake = await stage.follower('a');
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
  const { outcome } = await stage.go([fake.host]);
  expect(outcome.hosts.a).toMatchObject({ reason: 'spawn-failed', error: { code: 'AW_TOO_MANY_RUNS' } });
  expect(outcome.hosts.a!.error!.message).toContain('64');
});

test('no more hosts at a time than allowed', async () => {
  const all = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(name => stage.follower(name)));
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
  const { outcome } = await stage.go(
    all.map(({ host }) => host),
    { maxParallel: 2 },
  );
  expect(outcome.exitCode).toBe(0);
  expect(most).toBe(2);
});

test('a follower that overruns the timeout is given up by the leader', async () => {
  const fake = await stage.follower('a');
  void quietRun(fake);
  stage.options.timing = { ...stage.options.timing, timeoutSlack: 50 };
  const { outcome } = await stage.go([fake.host], { timeoutMs: 100, graceMs: 10 });
  expect(outcome.hosts.a).toMatchObject({ reason: 'timeout', error: { code: 'AW_RUN_TIMEOUT' } });
  expect(outcome.exitCode).toBe(124);
});

test('what makes no sense is refused before anything happens', async () => {
  const { host } = await stage.follower('a');
  const refused = (more: Partial<RunSpec>, hosts = [host]) =>
    startRun(stage.spec(hosts, more), stage.options).then(
      () => 'started',
      error => error.code,
    );
  expect(await refused({}, [])).toBe('AW_USAGE');
  expect(await refused({}, [host, host])).toBe('AW_USAGE');
  expect(await refused({ runId: '../x' })).toBe('AW_USAGE');
  expect(await refused({ detach: true, stdin: Readable.from([]) })).toBe('AW_USAGE');
  expect(await refused({ detach: true, onLeaderLoss: 'cancel' })).toBe('AW_USAGE');
  expect(await refused({ maxParallel: 0 })).toBe('AW_USAGE');
  await collect(await startRun(stage.spec([host], { runId: 'one' }), stage.options));
  expect(await refused({ runId: 'one' })).toBe('AW_RUN_CONFLICT');
  expect(await attachRun('none', stage.options).catch(error => error.code)).toBe('AW_RUN_NOT_FOUND');
  expect(await attachRun('../one', stage.options).catch(error => error.code)).toBe('AW_RUN_NOT_FOUND');
});

test('an outcome that cannot be written is said, and changes neither the summary nor the exit code', async () => {
  const fake = await stage.follower('a');
  const asked = quietRun(fake);
  const run = await startRun(stage.spec([fake.host]), stage.options);
  const ending = await asked;
  // A directory with something in it cannot be replaced by a file.
  const inTheWay = join(stage.options.stateDir, 'runs', run.runId, 'outcome.json');
  mkdirSync(join(inTheWay, 'x'), { recursive: true });
  ending.exit({ code: 3 });
  const { events, outcome } = await collect(run);
  expect(events.at(-1)).toMatchObject({ type: 'summary', failed: ['a'], exitCode: 1 });
  expect(outcome.exitCode).toBe(1);
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'note', message: expect.stringContaining('outcome.json') }),
  );
  expect(await listRuns(stage.options)).toMatchObject([{ runId: run.runId, state: 'open' }]);
});
