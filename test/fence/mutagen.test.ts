/** Fences whose files Mutagen brings: what goes wrong with it, and that it leaves the same trees as the embedded engine. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FenceSpec } from '../../leader/fence/fence.ts';
import type { Faults } from '../support/fake-mutagen/faults.ts';
import { type FakeMutagen, hasMutagen, installFakeMutagen } from '../support/fake-mutagen/install.ts';
import { type Ground, make, makeGround, read, seeded } from './ground.ts';

// Every fence here starts a handful of programs.
vi.setConfig({ testTimeout: 300_000 });

let ground: Ground;
let fake: FakeMutagen;

beforeAll(async () => {
  ground = await makeGround();
  fake = installFakeMutagen(ground.dir);
});
afterAll(() => ground.close());
beforeEach(() => {
  fake.fail({});
  rmSync(join(ground.dir, 'leader'), { recursive: true, force: true });
});

function byMutagen(PATH: string, spec: Partial<FenceSpec> = {}) {
  const context = {
    stateDir: join(ground.dir, 'leader'),
    timeoutMs: 20_000,
    start: false,
    env: { ...process.env, PATH },
  };
  return ground.sync({ engine: 'mutagen', adopt: true, context, ...spec });
}

const files = { 'src/main.c': 'int main;\n', 'run.sh': '*#!/bin/sh\n', 'src/deep/a': 'a', empty: undefined };

test('without the program', async () => {
  ground.reset(files);
  const { state, error } = await byMutagen('/nowhere');
  expect(state).toBe('error');
  expect(error).toMatchObject({ code: 'AW_MUTAGEN_MISSING', host: 'f' });
  expect(error!.remedy).toContain('--engine embedded');
});

const always = Number.MAX_SAFE_INTEGER;
const fatal: [string, Faults, string][] = [
  ['a conflict', { conflict: { path: 'src/deep', times: always } }, 'AW_MUTAGEN_CONFLICT'],
  ['a path that it cannot write', { problem: { path: 'run.sh', times: always } }, 'AW_MUTAGEN_PROBLEMS'],
  ['a halt', { halt: { status: 'halted-on-root-deletion', times: always } }, 'AW_MUTAGEN_HALTED'],
  ['a flush that says yes and does nothing', { idle: { times: always } }, 'AW_FENCE_INCOMPLETE'],
  ['a daemon that dies each time', { crash: { times: always } }, 'AW_MUTAGEN_DAEMON'],
  ['another version', { mismatch: { times: always } }, 'AW_MUTAGEN_VERSION'],
];

test.each(fatal)('%s is healed by the embedded engine, which says why', async (_, faults, code) => {
  ground.reset(files);
  fake.fail(faults);
  const { state, error, healed } = await byMutagen(fake.PATH, { heal: true });
  expect(error).toBeUndefined();
  expect(state).toBe('consistent');
  expect(healed?.code).toBe(code);
  expect(healed?.remedy).toMatch(code === 'AW_FENCE_INCOMPLETE' ? /doctor/ : /--engine embedded/);
  expect(read(ground.root)).toEqual(read(ground.project));
});

test('what is not to be healed is an error of the host', async () => {
  ground.reset(files);
  fake.fail({ conflict: { path: 'src/deep', times: always } });
  const { state, error } = await byMutagen(fake.PATH);
  expect(state).toBe('error');
  expect(error).toMatchObject({ code: 'AW_MUTAGEN_CONFLICT', host: 'f' });
  expect(error!.message).toContain('"src/deep"');
});

test.each<[string, Faults]>([
  ['a conflict that goes', { conflict: { path: 'src/deep', times: 2 } }],
  ['a path that can be written the next time', { problem: { path: 'run.sh', times: 1 } }],
  ['a flush that does nothing at first', { idle: { times: 2 } }],
  ['a session that has halted', { halt: { status: 'halted-on-root-emptied', times: 1 } }],
  ['a daemon that dies once', { crash: { times: 1 } }],
])('%s is overcome', async (_, faults) => {
  ground.reset(files);
  fake.fail(faults);
  const { state, error, session, healed } = await byMutagen(fake.PATH);
  expect(error).toBeUndefined();
  expect(state).toBe('consistent');
  expect(healed).toBeUndefined();
  expect(session).toMatchObject({ status: 'watching', isConnected: true, conflicts: 0, problems: 0 });
  expect(read(ground.root)).toEqual(read(ground.project));
});

test('a flush without an end ends with the time of the host', async () => {
  ground.reset(files);
  fake.fail({ hang: { times: always } });
  const { state, error } = await byMutagen(fake.PATH, { timeoutMs: 5_000 });
  expect(state).toBe('timeout');
  expect(error?.code).toBe('AW_FENCE_TIMEOUT');
  // Nothing of it holds the root, or a daemon.
  fake.fail({});
  expect((await byMutagen(fake.PATH)).state).toBe('consistent');
});

test('a flush without an end leaves time for healing', async () => {
  ground.reset(files);
  fake.fail({ hang: { times: always } });
  const { state, healed } = await byMutagen(fake.PATH, { timeoutMs: 30_000, heal: true });
  expect(state).toBe('consistent');
  expect(healed?.code).toBe('AW_MUTAGEN_TIMEOUT');
});

test('what goes on the leader goes there, also around ignored files', async () => {
  ground.reset({ ...files, 'pkg/a': 'a', 'pkg/b/c': 'c' });
  expect((await byMutagen(fake.PATH)).state).toBe('consistent');
  make(ground.root, { 'pkg/node_modules/dep': 'theirs', 'pkg/b/ignored': 'theirs' });
  rmSync(join(ground.project, 'pkg/a'));
  rmSync(join(ground.project, 'pkg/b'), { recursive: true });
  make(ground.project, { 'pkg/node_modules/dep': 'ours', 'src/deep/a': 'b' });
  const { state, error } = await byMutagen(fake.PATH);
  expect(error).toBeUndefined();
  expect(state).toBe('consistent');
  expect(read(ground.root)).toEqual({
    ...read(ground.project),
    'pkg/b': undefined,
    'pkg/b/ignored': 'theirs',
    'pkg/node_modules/dep': 'theirs',
  });
});

test('a leader that changes meanwhile is told', async () => {
  ground.reset(files);
  let changes = 0;
  const onPhase = (_: string, phase: string) => {
    if (phase === 'mutagen sync flush') writeFileSync(join(ground.project, 'src/main.c'), `${changes++}`);
  };
  const { error } = await byMutagen(fake.PATH, { onPhase, snapshot: 'none' });
  expect(error?.code).toBe('AW_LEADER_UNSTABLE');
});

test('a hostile project runs nothing, and its version control stays where it is', async () => {
  const canary = join(ground.dir, 'outside/ran');
  const hooks = `beforeCreate:\n  - "touch ${canary}"\nafterCreate:\n  - "touch ${canary}"\n`;
  const config = `${hooks}commands:\n  x: "touch ${canary}"\nsync:\n  defaults:\n    mode: two-way-resolved\n`;
  ground.reset({
    ...files,
    '.agents/mutagen.yml': config,
    'mutagen.yml': config,
    '.mutagen.yml': config,
    '.git/hooks/post-checkout': 'ours',
    'sub/.git': 'gitdir: ../elsewhere',
    'sub/file': 'x',
    'odd [name]{a,b}*?!': 'x',
    '!bang': 'x',
  });
  make(ground.root, { '.git/hooks/post-checkout': 'theirs' });
  const { state, error } = await byMutagen(fake.PATH);
  expect(error).toBeUndefined();
  expect(state).toBe('consistent');
  expect(existsSync(canary)).toBe(false);
  const { 'sub/.git': link, ...rest } = read(ground.project);
  expect(link).toBeDefined();
  expect(read(ground.root)).toEqual({ ...rest, '.git/hooks/post-checkout': 'theirs' });
});

test('a session is kept as long as it is set up as it has to be', async () => {
  const sessions = () => {
    const [key] = readdirSync(join(ground.dir, 'leader/mutagen'));
    return readdirSync(join(ground.dir, 'leader/mutagen', key!, 'sessions'));
  };
  ground.reset(files);
  await byMutagen(fake.PATH);
  const first = sessions();
  expect(first).toHaveLength(1);
  make(ground.project, { new: '1' });
  expect((await byMutagen(fake.PATH)).session?.cycles).toBe(1);
  expect(sessions()).toEqual(first);
  make(ground.project, { newer: '1' });
  const patterns = ['ignored', 'node_modules/', '*.log'];
  expect((await byMutagen(fake.PATH, { patterns })).state).toBe('consistent');
  expect(sessions()).toHaveLength(1);
  expect(sessions()).not.toEqual(first);
});

test('foreign files are refused before Mutagen could remove them', async () => {
  ground.reset(files);
  make(ground.root, { theirs: 'precious' });
  const { error } = await byMutagen(fake.PATH, { adopt: false });
  expect(error?.code).toBe('AW_TREE_STRANGE');
  expect(read(ground.root)).toEqual({ theirs: 'precious' });
});

/** One change of a tree, as somebody at work makes them; names are few so that they meet. */
function change(root: string, next: (limit: number) => number): void {
  const names = ['a', 'b', 'C', 'ignored', 'node_modules', 'ü', 'x.log', 'a b'];
  const path = () => Array.from({ length: 1 + next(3) }, () => names[next(names.length)]!).join('/');
  const free = (relative: string) => {
    for (let at = relative; at !== '.'; at = dirname(at)) {
      if (existsSync(join(root, at)) && !isDirectory(join(root, at))) rmSync(join(root, at));
    }
    rmSync(join(root, relative), { recursive: true, force: true });
    mkdirSync(dirname(join(root, relative)), { recursive: true });
    return join(root, relative);
  };
  const kind = next(7);
  if (kind < 2) writeFileSync(free(path()), `content ${next(5)}\r\n`);
  else if (kind === 2) mkdirSync(free(path()));
  else if (kind === 3) symlinkSync(['a', '../b', '/absolute', 'dangling'][next(4)]!, free(path()));
  else if (kind === 4) rmSync(join(root, path()), { recursive: true, force: true });
  else if (kind === 5) writeFileSync(free(path()), '#!/bin/sh\n', { mode: 0o755 });
  else {
    const [from, to] = [path(), path()];
    const isWithin = `${to}/`.startsWith(`${from}/`) || `${from}/`.startsWith(`${to}/`);
    if (!isWithin && existsSync(join(root, from))) renameSync(join(root, from), free(to));
  }
}

function isDirectory(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}

describe.each<[string, () => string, boolean]>([
  ['the fake', () => fake.PATH, true],
  ['a real mutagen', () => process.env.PATH!, hasMutagen],
])('%s', (_, path, isThere) => {
  test.skipIf(!isThere)('leaves the trees that the embedded engine leaves', async () => {
    const next = seeded(20_261_122);
    ground.reset({ first: '1', second: '2' });
    let equal = 0;
    for (let round = 0; round < 10; round++) {
      for (let count = 1 + next(8); count > 0; count--) change(ground.project, next);
      for (let count = next(4); count > 0; count--) change(ground.root, next);
      const { state, error, digest } = await byMutagen(path());
      const embedded = await ground.sync({ adopt: true });
      // A file cannot take the place of a directory that holds ignored ones, whoever brings it.
      expect(embedded.state, `round ${round}: ${error}`).toBe(state);
      expect(embedded.digest).toBe(digest);
      if (state === 'consistent') {
        expect(embedded.changes).toBe(0);
        equal++;
      } else {
        rmSync(ground.root, { recursive: true });
        mkdirSync(ground.root);
      }
    }
    expect(equal).toBeGreaterThan(6);
  });
});
