/** The leader's tree over a real directory, read by the real thread. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLeaderTrees, type LeaderTree, type LeaderTrees } from './leader-tree.ts';

const FILES = 50;
let dir: string;
let project: string;
let trees: LeaderTrees;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'aw-leader-tree-'));
  project = join(dir, 'project');
  for (let index = 0; index < FILES; index++) write(`d${index % 5}/f${index}`, `content ${index}`);
  trees = createLeaderTrees(join(dir, 'state'));
  // What was written only just now is read again, whatever is remembered of it.
  await sleep(100);
});
afterEach(async () => {
  await trees.close();
  rmSync(dir, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(join(project, path, '..'), { recursive: true });
  writeFileSync(join(project, path), text);
}
async function readOnce(from = trees, patterns: string[] = []): Promise<Omit<LeaderTree, 'close'>> {
  const tree = await from.read(project, patterns);
  tree.close();
  return tree;
}
async function contentOf(tree: LeaderTree, sha256: string, size: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of tree.contents([{ sha256, size }])) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

test('a tree that is known is looked at once and read never; what changed is read', async () => {
  const first = await readOnce();
  expect(first).toMatchObject({ files: FILES, directories: 6 });
  expect(await readOnce()).toMatchObject({ digest: first.digest, hashed: 0 });
  const { mtime } = { mtime: new Date(1_700_000_000_000) };
  write('d0/f0', 'CONTENT 0');
  // Of the same size, and with a time that says nothing: its change time gives it away.
  utimesSync(join(project, 'd0/f0'), mtime, mtime);
  const second = await readOnce();
  expect(second.digest).not.toBe(first.digest);
  write('d0/f0', 'content 0');
  expect((await readOnce()).digest).toBe(first.digest);
});

test('the next process knows it too, and one with nothing readable on disk reads all again', async () => {
  const first = await readOnce();
  await trees.close();
  const state = join(dir, 'state/trees');
  const [file, ...others] = readdirSync(state);
  expect(others).toEqual([]);
  const next = createLeaderTrees(join(dir, 'state'));
  const again = await next.read(project, []);
  expect(again).toMatchObject({ digest: first.digest, hashed: 0 });
  again.close();
  await next.close();

  writeFileSync(join(state, file!), '{"version":1,');
  const fresh = createLeaderTrees(join(dir, 'state'));
  expect((await readOnce(fresh)).digest).toBe(first.digest);
  await fresh.close();
});

test('where nothing can be kept it is read all the same', async () => {
  writeFileSync(join(dir, 'blocked'), '');
  const blocked = createLeaderTrees(join(dir, 'blocked'));
  expect(await readOnce(blocked)).toMatchObject({ files: FILES });
  await blocked.close();
});

test('fences at one time: each goes on with the tree it has, whatever is read meanwhile', async () => {
  const [one, other] = await Promise.all([trees.read(project, []), trees.read(project, [])]);
  expect(one.digest).toBe(other.digest);
  expect(one.thread).toBe(other.thread);
  one.close();
  write('d1/new', 'new');
  const later = await trees.read(project, []);
  expect(later.digest).not.toBe(other.digest);
  const locate = (tree: LeaderTree) => tree.thread.call('doubtful', tree.digest);
  expect(await locate(other)).toEqual([]);
  other.close();
  await expect(locate(other)).rejects.toThrow('no such tree');
  expect(await locate(later)).toEqual([]);
  later.close();
});

test('other ignore rules are another tree', async () => {
  const [all, some] = await Promise.all([readOnce(trees, []), readOnce(trees, ['/d1/'])]);
  expect(all.files).toBe(FILES);
  expect(some.files).toBe(FILES - FILES / 5);
});

test('a thread that has died is no end of it', async () => {
  const tree = await trees.read(project, []);
  await tree.thread.close();
  tree.close();
  expect(await readOnce()).toMatchObject({ digest: tree.digest });
});

test('more projects than are kept at one time', async () => {
  const roots = Array.from({ length: 8 }, (_, index) => join(dir, `p${index}`));
  for (const root of roots) {
    mkdirSync(root);
    writeFileSync(join(root, 'f'), root);
    const tree = await trees.read(root, []);
    expect(tree.files).toBe(1);
    tree.close();
  }
});

test('contents come by their digest, and only of what is in the tree', async () => {
  const tree = await trees.read(project, []);
  const sha256 = 'e'.repeat(64);
  await expect(contentOf(tree, sha256, 3)).rejects.toMatchObject({ code: 'AW_LEADER_UNSTABLE' });
  tree.close();
});

test('a project that is gone is told', async () => {
  rmSync(project, { recursive: true });
  await expect(trees.read(project, [])).rejects.toMatchObject({ code: 'AW_TREE_ROOT' });
});
