/** Between a fence and its run: whoever changes a file in between is found out, and whoever works there is left alone. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AwError } from '../../contract/errors.ts';
import { eventually } from '../support/fleet.ts';
import { type Ground, make, makeGround, onceFree, read } from './ground.ts';

const patterns = ['ignored', 'node_modules/'];
let ground: Ground;
beforeAll(async () => {
  ground = await makeGround();
});
afterAll(() => ground.close());
beforeEach(() => ground.reset({ a: 'one', 'd/b': 'two', 'd/link': '-> b' }));

/** A run bound to the tree of a digest. */
const run = (digest: string, script = 'true', runId: string = randomUUID()) =>
  ground.agent.run(runId, script, { cwd: ground.root, tree: { root: ground.root, digest, patterns } });

const fenced = async (): Promise<string> => {
  const { state, error, digest } = await ground.sync();
  expect([state, error]).toEqual(['consistent', undefined]);
  return digest!;
};

test.each<[string, () => void]>([
  ['another content', () => writeFileSync(join(ground.root, 'a'), 'two')],
  [
    'another content of the same size and time',
    () => {
      writeFileSync(join(ground.root, 'a'), 'ONE');
      utimesSync(join(ground.root, 'a'), 1, 1);
    },
  ],
  ['a file more', () => make(ground.root, { 'd/c': '' })],
  ['a file less', () => rmSync(join(ground.root, 'd/b'))],
  ['a directory more', () => make(ground.root, { e: undefined })],
  [
    'a link that leads elsewhere',
    () => {
      rmSync(join(ground.root, 'd/link'));
      make(ground.root, { 'd/link': '-> ../a' });
    },
  ],
])('a run is not started where somebody has left %s', async (_, change) => {
  const digest = await fenced();
  change();
  expect(await run(digest, 'touch started')).toMatchObject({
    status: 409,
    body: { code: 'AW_TREE_DRIFTED' },
  });
  expect(read(ground.root).started).toBeUndefined();
  expect((await run(await fenced())).status).toBe(201);
});

test('a root that is gone, or was never there', async () => {
  const digest = await fenced();
  rmSync(ground.root, { recursive: true });
  expect(await run(digest)).toMatchObject({ body: { code: 'AW_TREE_ROOT' } });
  expect(await ground.sync()).toMatchObject({ state: 'error', error: { code: 'AW_TREE_ROOT' } });
  // Somebody makes it again, which says that nothing is missing.
  make(ground.root, {});
  expect((await run(await fenced())).status).toBe(201);
});

test('what is ignored, what a run makes, and what is only touched are no drift', async () => {
  const digest = await fenced();
  make(ground.root, { 'd/ignored': 'x', 'node_modules/m/index.js': 'y' });
  utimesSync(join(ground.root, 'a'), 1, 1);
  const runId = randomUUID();
  const script = 'echo made > made; touch started; until test -e go; do sleep 0.1; done; rm made started go';
  expect((await run(digest, script, runId)).status).toBe(201);
  await eventually(() => 'started' in read(ground.root), 'it has started');
  // Its leader asks again, having lost the answer: the same run, whatever it has done to the tree.
  expect(await run(digest, script, runId)).toMatchObject({ status: 200, body: { state: 'running' } });
  make(ground.root, { go: '' });
  await ground.agent.events(runId);
  expect((await run(digest)).status).toBe(201);
});

test('under a run, nothing is changed; where there is nothing to change, nothing is in the way', async () => {
  const digest = await fenced();
  const runId = randomUUID();
  await run(digest, 'until test -e node_modules/go; do sleep 0.1; done', runId);
  expect(await ground.sync()).toMatchObject({ state: 'consistent', changes: 0 });
  expect((await run(digest)).status).toBe(201);

  appendFileSync(join(ground.project, 'a'), 'more');
  const { error } = await ground.sync();
  expect([error?.code, error?.details.runId]).toEqual(['AW_TREE_BUSY', runId]);
  expect(read(ground.root).a).toBe('one');
  // Nor by a fence of a directory in it, or around it.
  const inner = await ground.hold({ root: join(ground.root, 'd') });
  await expect(inner.plan([{ op: 'remove', path: 'b' }])).rejects.toMatchObject({ code: 'AW_TREE_BUSY' });
  inner.release();

  make(ground.root, { 'node_modules/go': '' });
  await ground.agent.events(runId);
  expect(await ground.sync()).toMatchObject({ state: 'consistent', changes: 1 });
  expect(read(ground.root).a).toBe('onemore');
});

test('a run that is just being started counts as one that works there', async () => {
  const digest = await fenced();
  const fence = await ground.hold();
  await fence.scan({ patterns, rehash: false });
  await fence.plan([{ op: 'remove', path: 'a' }]);
  const [applied, started] = await Promise.all([
    fence.apply().then(
      () => 'applied',
      (error: AwError) => error.code,
    ),
    run(digest),
  ]);
  // One of them came first, and the other knows.
  expect([
    ['applied', 409, undefined],
    ['AW_TREE_BUSY', 201, 'one'],
  ]).toContainEqual([applied, started.status, read(ground.root).a]);
});

test('two leaders: the second is told who the first is, until that has let go', async () => {
  const first = await ground.hold({ leader: 'ann@here:/project' });
  for (const root of [ground.root, join(ground.root, 'd'), `${ground.dir}/root/../root`]) {
    make(ground.root, { d: undefined });
    const refused = await ground
      .hold({ leader: 'bob@there:/project', root })
      .catch((error: AwError) => error);
    expect(refused).toMatchObject({
      code: 'AW_TREE_LOCKED',
      message: expect.stringContaining('ann@here:/project'),
    });
  }
  expect(await first.scan({ patterns, rehash: false })).toMatchObject({ directories: 2 });
  first.release();
  await onceFree(() => ground.hold({ leader: 'bob@there:/project' }));
});

test('two fences of one leader: the second waits for the first, and gives up when its leader does', async () => {
  const first = await ground.hold();
  const order: string[] = [];
  const second = ground.hold().then(fence => {
    order.push('second');
    return fence;
  });
  const left = await ground.sync({ timeoutMs: 300 });
  // Of this leader, but of another project: it is another leader for the follower.
  expect(left.error?.code).toBe('AW_TREE_LOCKED');
  expect(await first.scan({ patterns, rehash: false })).toMatchObject({ files: 0 });
  order.push('first');
  first.release();
  await second;
  expect(order).toEqual(['first', 'second']);
});

test('ten fences of one leader at once are ten in a row', async () => {
  const results = await Promise.all(Array.from({ length: 10 }, () => ground.sync()));
  expect(results.map(({ state, error }) => [state, error])).toEqual(
    results.map(() => ['consistent', undefined]),
  );
  expect(results.map(({ changes }) => changes).sort()).toEqual([...Array(9).fill(0), 4]);
});
