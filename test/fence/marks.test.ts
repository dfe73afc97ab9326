/** What a fence leaves of itself beside a root, and what it says of what is in its way. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Ground, make, makeGround, read } from './ground.ts';

let ground: Ground;
beforeAll(async () => {
  ground = await makeGround();
});
afterAll(() => ground.close());
beforeEach(() => ground.reset({ a: 'one', 'd/b': 'two' }));

test('another directory at the path of one that was filled is strange, and told is whose that was', async () => {
  expect((await ground.sync({ adopt: true })).state).toBe('consistent');
  rmSync(ground.root, { recursive: true });
  make(ground.root, { a: 'precious' });
  const { error } = await ground.sync();
  expect(error?.code).toBe('AW_TREE_STRANGE');
  expect(error?.message).toContain(`:${ground.project}`);
  expect(read(ground.root)).toEqual({ a: 'precious' });
});

test('a root that is gone: whose it was', async () => {
  await ground.sync({ adopt: true });
  rmSync(ground.root, { recursive: true });
  const { error } = await ground.sync();
  expect(error?.code).toBe('AW_TREE_ROOT');
  expect(error?.message).toMatch(/it is gone, though ".*@.*" has filled it before/);
});

test('one that nobody has filled names nobody', async () => {
  const elsewhere = join(ground.dir, 'elsewhere');
  make(elsewhere, { a: 'precious' });
  const { isKnown, filledBy } = await ground.hold({ root: elsewhere });
  expect([isKnown, filledBy]).toEqual([false, undefined]);
});

test('a project at the end of a long path', async () => {
  const project = join(ground.dir, ...Array.from({ length: 5 }, () => 'x'.repeat(100)), 'project');
  make(project, { a: 'one' });
  const { state, error } = await ground.sync({ project });
  expect([state, error]).toEqual(['consistent', undefined]);
  rmSync(ground.root, { recursive: true });
  make(ground.root, { a: 'precious' });
  expect((await ground.sync({ project })).error?.message).toMatch(/@.*:\/.*x…x.*\/project"/);
});

test.each([
  ['a file', { thing: 'file' }],
  ['a link', { thing: '-> a', a: '' }],
])(
  '%s where the follower has a directory of ignored things: neither is lost, and told is what to do',
  async (_, files) => {
    ground.reset(files);
    mkdirSync(join(ground.root, 'thing/node_modules'), { recursive: true });
    writeFileSync(join(ground.root, 'thing/node_modules/m'), 'installed');
    const { state, error } = await ground.sync({ adopt: true });
    expect([state, error?.code]).toEqual(['error', 'AW_TREE_OCCUPIED']);
    expect(error?.message).toContain('"thing"');
    expect(error?.remedy).toContain('workspace of f');
    expect(read(ground.root)['thing/node_modules/m']).toBe('installed');
    rmSync(join(ground.root, 'thing'), { recursive: true });
    expect((await ground.sync({ adopt: true })).state).toBe('consistent');
  },
);
