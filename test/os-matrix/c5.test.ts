/**
 * C5: names that are two here and one there. Against file systems that really are so: whatever the leader does, a second fence
 * finds nothing to do.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostFence } from '../../leader/fence/index.ts';
import { fenceHere, fill, read, type Tree } from '../support/fence.ts';
import { type Fleet, makeFleet } from '../support/fleet.ts';
import { canMount, type Mount, type MountKind, mountImage } from '../support/mounts.ts';

/** The state before, what the leader does, and what the follower cannot have then. */
type Case = [title: string, before: Tree, after: Tree, excluded: string[]];

const cases: Case[] = [
  ['two files', { 'a.txt': '1' }, { 'a.txt': '1', Foo: 'upper', foo: 'lower' }, ['foo']],
  ['two files from the beginning', { Foo: 'upper', foo: 'lower' }, { Foo: 'upper', foo: 'lower' }, ['foo']],
  ['two directories', {}, { 'Dir/a': '1', 'Dir/b': '2', 'dir/a': '3', 'dir/c/d': '4' }, ['dir']],
  ['a file and a directory', { Thing: 'file' }, { Thing: 'file', 'thing/a': '1' }, ['thing']],
  ['the winner goes', { Foo: 'upper', foo: 'lower' }, { foo: 'lower' }, []],
  ['the loser becomes the winner', { foo: 'lower' }, { Foo: 'upper', foo: 'lower' }, ['foo']],
  ['a file spelt otherwise', { Foo: 'same' }, { foo: 'same' }, []],
  ['a file spelt otherwise, with another content', { Foo: 'old' }, { FOO: 'new' }, []],
  ['a directory spelt otherwise', { 'Dir/sub/a': '1', 'Dir/b': '2' }, { 'dir/sub/a': '1', 'dir/b': '2' }, []],
  ['a directory and a file in it', { 'Dir/Sub/File': '1' }, { 'dir/sub/file': '2' }, []],
  ['a directory becomes a file of another spelling', { 'Thing/a': '1' }, { thing: 'file' }, []],
  ['a file becomes a directory of another spelling', { thing: 'file' }, { 'Thing/a': '1' }, []],
  [
    'two files swap their contents',
    { a: '1', A: '2', b: '3', c: '4' },
    { a: '2', A: '1', b: '4', c: '3' },
    ['a'],
  ],
  ['one accent composed, one not', { 'e\u0301': '1' }, { 'e\u0301': '1', é: '2' }, []],
  ['an accent composed otherwise', { 'caf\u0065\u0301': '1' }, { café: '1' }, []],
  ['accents of either case', { É: '1' }, { É: '1', é: '2' }, ['é']],
  ['sharp s and two of them', { ß: '1' }, { ß: '1', SS: '2', ss: '3' }, ['ss']],
  ['the three forms of i', {}, { i: '1', I: '2', '\u0131': '3', '\u0130': '4' }, ['i']],
];

/** All of a tree but what lies at or below these paths. */
function without(tree: Tree, excluded: readonly string[]): Tree {
  const isOut = (path: string) => excluded.some(each => path === each || path.startsWith(`${each}/`));
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !isOut(path)));
}

const filesOf = (root: string) =>
  Object.fromEntries(Object.entries(read(root)).filter(([, content]) => content !== '/'));

const lowerCase = (tree: Tree) =>
  Object.fromEntries(Object.entries(tree).map(([path, content]) => [path.toLowerCase(), content]));

const pathsOf = (result: HostFence) => result.excluded.map(({ path }) => path);

/** A follower whose workspace is on such a file system, and one that is as the leader. */
function useFleet(kind: MountKind) {
  let fleet: Fleet;
  let mount: Mount;
  let workspace: string;
  beforeAll(() => {
    mount = mountImage(kind);
    workspace = join(mount.path, 'workspace');
    mkdirSync(workspace);
    fleet = makeFleet([{ name: 'disk', workspace }, { name: 'plain' }]);
  });
  afterAll(async () => {
    await fleet.stop().finally(mount.unmount);
  });
  return {
    disk: () => filesOf(workspace),
    plain: () => filesOf(fleet.workspace('plain')),
    have: (tree: Tree) => fill(fleet.project, tree),
    /** Also when the one before has just been given up and still holds the workspace. */
    fence: async (options?: Parameters<typeof fenceHere>[1]) => {
      for (;;) {
        const results = await fenceHere(fleet, options);
        const codes = Object.values(results).map(({ error }) => error?.code);
        if (!codes.includes('AW_TREE_LOCKED')) return { disk: results.disk!, plain: results.plain! };
      }
    },
  };
}

describe.skipIf(!canMount('exfat-fuse'))('C5: exfat-fuse, which keeps names but ignores their case', () => {
  const { have, fence, disk, plain } = useFleet('exfat-fuse');
  const rounds = async (count: number) => {
    const results = [];
    for (let round = 0; round < count; round++) results.push(await fence());
    return results;
  };

  test.each(cases)('C5: %s', async (_, before, after, excluded) => {
    have(before);
    await fence();
    have(after);
    const [first, ...others] = await rounds(5);
    expect(first!.disk).toMatchObject({ state: 'consistent' });
    expect(pathsOf(first!.disk)).toEqual(excluded);
    expect(disk()).toEqual(without(after, excluded));
    expect(plain()).toEqual(after);
    for (const round of others) {
      const { digest, excluded } = first!.disk;
      expect(round.disk).toMatchObject({ state: 'consistent', changes: 0, sent: 0, digest, excluded });
      expect(round.plain).toMatchObject({ state: 'consistent', changes: 0, excluded: [] });
    }
  });

  test('C5: by default what it cannot have is an error, each time the same, and the rest is there', async () => {
    const tree = { 'Foo/a': '1', 'foo/a': '2', b: '3' };
    have(tree);
    const { disk: first, plain: other } = await fence({ portability: 'error' });
    expect(first).toMatchObject({
      state: 'error',
      error: { code: 'AW_FENCE_EXCLUDED', details: { count: 1 } },
    });
    expect(other).toMatchObject({ state: 'consistent' });
    expect(disk()).toEqual(without(tree, ['foo']));
    const { disk: second } = await fence({ portability: 'error' });
    expect(second.error?.message).toBe(first.error?.message);
    expect((await fence()).disk).toMatchObject({ state: 'consistent', changes: 0 });
  });

  test('C5: names spelt otherwise while the fence before was given up in its middle', async () => {
    const many = (directory: string, content: string): Tree =>
      Object.fromEntries(
        Array.from({ length: 300 }, (_, index) => [`${directory}/File-${index}`, `${content} ${index}`]),
      );
    have(many('Dir', 'old'));
    await fence();
    for (const [directory, content] of [
      ['dir', 'new'],
      ['DIR', 'newer'],
      ['dIR', 'newest'],
    ] as const) {
      const giveUp = new AbortController();
      have(many(directory, content));
      const { disk: cut } = await fence({
        signal: giveUp.signal,
        onPhase: (host, phase) => {
          if (host === 'disk' && phase === 'writing') giveUp.abort();
        },
      });
      expect(cut.state).toBe('error');
    }
    have(many('Dir', 'newest'));
    const [first, ...others] = await rounds(5);
    expect(first!.disk).toMatchObject({ state: 'consistent', excluded: [] });
    expect(disk()).toEqual(many('Dir', 'newest'));
    for (const round of others) expect(round.disk).toMatchObject({ state: 'consistent', changes: 0 });
  });

  test('C5: from any tree to any other, and nothing is left to do', { timeout: 300_000 }, async () => {
    const name = fc.constantFrom(
      'a',
      'A',
      'b',
      'B',
      'é',
      'É',
      'e\u0301',
      'ß',
      'ss',
      'SS',
      'i',
      'I',
      '\u0131',
    );
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map(names => names.join('/'));
    const tree = fc.dictionary(path, fc.constantFrom('1', '2', '3'), { maxKeys: 8 }).map(withoutFilesAbove);
    await fc.assert(
      fc.asyncProperty(tree, tree, async (before, after) => {
        have(before);
        await fence();
        have(after);
        const { disk: first } = await fence();
        expect(first.error).toBeUndefined();
        expect(disk()).toEqual(without(after, pathsOf(first)));
        const { digest, excluded } = first;
        expect((await fence()).disk).toMatchObject({ changes: 0, digest, excluded });
      }),
      { numRuns: 12 },
    );
  });
});

/** No path of the result lies below another. */
function withoutFilesAbove(tree: Record<string, string>): Tree {
  const paths = Object.keys(tree);
  return Object.fromEntries(
    Object.entries(tree).filter(([path]) => !paths.some(other => other.startsWith(`${path}/`))),
  );
}

describe.skipIf(!canMount('ntfs-3g'))('C5: lowntfs-3g, which shows every name in lower case', () => {
  const { have, fence, disk } = useFleet('ntfs-3g');

  test.each(cases)('C5: %s', async (_, before, after, excluded) => {
    have(before);
    await fence();
    have(after);
    const results = [await fence(), await fence(), await fence()].map(({ disk }) => disk);
    const wanted = without(after, excluded);
    // Every content is where it belongs, as far as that can be said there.
    expect(lowerCase(disk())).toEqual(lowerCase(wanted));
    const isPossible = Object.keys(wanted).every(path => path in disk());
    for (const { state, error, changes } of results.slice(1)) {
      if (isPossible) expect({ state, changes }).toEqual({ state: 'consistent', changes: 0 });
      else expect(error).toMatchObject({ code: 'AW_FENCE_INCOMPLETE', message: results[0]!.error?.message });
    }
  });

  test('C5: the error says what happens to the name', async () => {
    have({ README: '1' });
    const { disk: result } = await fence();
    expect(result.error?.message).toContain('calls "README" "readme", whatever it is given');
  });
});
