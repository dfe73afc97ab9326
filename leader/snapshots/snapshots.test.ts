import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import { killMaking } from '../../test/support/killed-snapshots.ts';
import { createLeaderTrees } from '../fence/leader-tree.ts';
import { copy } from './copies.ts';
import { readFrozen } from './freeze.ts';
import { createSnapshot, deleteSnapshot, listSnapshots } from './index.ts';
import type { Provider } from './provider.ts';
import { detect, siteOf } from './providers.ts';
import { writeRecord } from './record.ts';
import { takeSnapshot } from './take.ts';

let dir: string;
let project: string;
let stateDir: string;
let directory: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-snapshots-')));
  project = join(dir, 'project');
  stateDir = join(dir, 'state');
  directory = join(stateDir, 'snapshots');
  mkdirSync(join(project, 'src'), { recursive: true });
  writeFileSync(join(project, 'src/a.txt'), 'a');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const take = (name?: string) => createSnapshot(project, { stateDir, provider: 'copy', name });
const code = (thrown: Promise<unknown>) =>
  thrown.then(
    () => undefined,
    error => (error as AwError).code,
  );
/** What there is besides the records of complete snapshots and what belongs to them. */
function leftovers(): string[] {
  const known = listSnapshots({ stateDir });
  const own = new Set(['trees', 'repositories', ...known.map(({ id }) => id)]);
  const trees = existsSync(join(directory, 'trees')) ? readdirSync(join(directory, 'trees')) : [];
  return [
    ...readdirSync(directory).filter(name => !own.has(name)),
    ...trees.filter(name => !known.some(({ place }) => place.endsWith(name))),
  ];
}

test('a copy holds what the fence would bring, for its owner alone', async () => {
  mkdirSync(join(project, 'node_modules'));
  mkdirSync(join(project, 'empty'));
  writeFileSync(join(project, 'node_modules/x'), 'x');
  const { path, files, bytes, id, treeDigest } = await take('first');
  expect(readdirSync(path!, { recursive: true }).sort()).toEqual(['empty', 'src', 'src/a.txt']);
  expect([files, bytes]).toEqual([1, 1]);
  expect(statSync(join(path!, '..')).mode & 0o777).toBe(0o700);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  writeFileSync(join(project, 'src/a.txt'), 'b');
  expect(readFileSync(join(path!, 'src/a.txt'), 'utf8')).toBe('a');
  expect((await take()).treeDigest).not.toBe(treeDigest);
  expect(listSnapshots({ stateDir }).map(({ name }) => name)).toEqual(['first', undefined]);
  await deleteSnapshot(id, { stateDir });
  expect(existsSync(path!)).toBe(false);
  expect(await code(deleteSnapshot(id, { stateDir }))).toBe('AW_SNAPSHOT_NOT_FOUND');
  expect(await code(deleteSnapshot('../..', { stateDir }))).toBe('AW_SNAPSHOT_NOT_FOUND');
});

test('of those without a name the last ten stay, and all that have one or are in use', async () => {
  const site = siteOf(project, stateDir);
  const old = (hour: number, name?: string) => {
    const id = `snap-20200101-${String(hour).padStart(2, '0')}0000-3f0c9a`;
    const place = copy.place(site, id);
    mkdirSync(join(place, 'tree'), { recursive: true, mode: 0o700 });
    writeRecord(directory, {
      ...{ state: 'complete', id, provider: 'copy', project, place, path: join(place, 'tree') },
      ...{ createdAt: '2020-01-01T00:00:00.000Z', treeDigest: 'x', files: 0, bytes: 0 },
      ...(name === undefined ? {} : { name }),
    });
    return id;
  };
  const ids = Array.from({ length: 14 }, (_, hour) => old(hour, hour === 1 ? 'kept' : undefined));
  writeFileSync(join(directory, `${ids[2]}.lock`), JSON.stringify({ pid: process.pid }));
  const newest = await take();
  const left = listSnapshots({ stateDir }).map(({ id }) => id);
  expect(left).toEqual([ids[1], ids[2], ...ids.slice(5), newest.id]);
  expect(readdirSync(join(directory, 'trees')).sort()).toEqual(left);

  expect(await code(deleteSnapshot(ids[2]!, { stateDir }))).toBe('AW_SNAPSHOT_IN_USE');
  rmSync(join(directory, `${ids[2]}.lock`));
  await deleteSnapshot(ids[2]!, { stateDir });
  expect(leftovers()).toEqual([]);
});

test('the tree of a fence is read from its snapshot until it lets go of it', async () => {
  const trees = createLeaderTrees(stateDir);
  try {
    const options = { stateDir, choice: 'copy', purpose: 'fence', proof: 'project' } as const;
    const { tree, snapshot } = await readFrozen(trees, project, [], options);
    writeFileSync(join(project, 'src/a.txt'), 'b');
    const entries = await tree.thread.call('entries', tree.digest);
    const [, node] = entries.find(([path]) => path === 'src/a.txt')!;
    if (node.kind !== 'file') throw new Error('not a file');
    const chunks: Buffer[] = [];
    for await (const chunk of tree.contents([{ sha256: node.sha256, size: 1 }])) chunks.push(chunk);
    expect(Buffer.concat(chunks).subarray(-1).toString()).toBe('a');
    expect(await code(deleteSnapshot(snapshot!.id, { stateDir }))).toBe('AW_SNAPSHOT_IN_USE');
    tree.close();
    await deleteSnapshot(snapshot!.id, { stateDir });
  } finally {
    await trees.close();
  }
});

test('a project that became another one meanwhile, in any way, is not what was to be frozen', async () => {
  const moves: [string, () => void][] = [
    ['other content', () => writeFileSync(join(project, 'src/a.txt'), 'b')],
    ['a file is gone', () => rmSync(join(project, 'src/a.txt'))],
    [
      'a directory is a file',
      () => {
        rmSync(join(project, 'src'), { recursive: true });
        writeFileSync(join(project, 'src'), '');
      },
    ],
  ];
  for (const provider of [copy, (await import('./git.ts')).git]) {
    for (const [, move] of moves) {
      rmSync(project, { recursive: true });
      mkdirSync(join(project, 'src'), { recursive: true });
      writeFileSync(join(project, 'src/a.txt'), 'a');
      const trees = createLeaderTrees(stateDir);
      try {
        const tree = await trees.read(project, []);
        move();
        const site = siteOf(project, stateDir);
        expect(await code(takeSnapshot(site, provider, tree, { proof: 'snapshot' }))).toBe(
          'AW_LEADER_UNSTABLE',
        );
        tree.close();
      } finally {
        await trees.close();
      }
      expect(leftovers()).toEqual([]);
    }
  }
  expect(listSnapshots({ stateDir })).toEqual([]);
});

test('what looks the same and is not is found by reading it', async () => {
  const trees = createLeaderTrees(stateDir);
  const site = siteOf(project, stateDir);
  const lying: Provider = {
    ...copy,
    take: async (...args) => {
      const taken = await copy.take(...args);
      writeFileSync(join(taken.path!, 'src/a.txt'), 'z');
      return taken;
    },
  };
  try {
    const tree = await trees.read(project, []);
    expect(await code(takeSnapshot(site, lying, tree, { proof: 'snapshot' }))).toBe('AW_LEADER_UNSTABLE');
    tree.close();
  } finally {
    await trees.close();
  }
  expect(leftovers()).toEqual([]);
});

test('a provider that cannot work says why, and which can', async () => {
  const found = await detect(siteOf(project, stateDir));
  expect(found.map(({ provider }) => provider.name)).toEqual(['btrfs', 'zfs', 'reflink', 'git', 'copy']);
  expect(found.find(({ provider }) => provider.name === 'copy')?.obstacle).toBeUndefined();
  const thrown = await createSnapshot(project, { stateDir, provider: 'zfs' }).catch(
    error => error as AwError,
  );
  expect(thrown).toBeInstanceOf(AwError);
  expect((thrown as AwError).code).toBe('AW_SNAPSHOT_UNSUITABLE');
  expect((thrown as AwError).message).toContain('the project is not on ZFS');
  expect((thrown as AwError).remedy).toContain('copy');
});

test.each(['copy', 'git'] as const)(
  '%s: killed at any moment, it leaves nothing that the next does not remove',
  { timeout: 600_000 },
  async provider => {
    for (let file = 0; file < 200; file++) writeFileSync(join(project, `f${file}`), `${file}`.repeat(500));
    const interrupted = await killMaking(project, { stateDir, provider }, join(dir, 'script.ts'), 8);
    expect(interrupted).toBe(8);
    const last = await createSnapshot(project, { stateDir, provider });
    expect(leftovers()).toEqual([]);
    for (const { id } of listSnapshots({ stateDir })) {
      if (id !== last.id) await deleteSnapshot(id, { stateDir });
    }
    expect(listSnapshots({ stateDir })).toEqual([last]);
    await deleteSnapshot(last.id, { stateDir });
    expect(leftovers()).toEqual([]);
    expect(existsSync(last.place)).toBe(false);
  },
);
