/**
 * C5: names that are two here and one there. Against file systems that really are so: whatever the leader does, a second fence
 * finds nothing to do.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fenceHere, fill, read, type Tree } from '../support/fence.ts';
import { type Fleet, makeFleet } from '../support/fleet.ts';
import { canMount, type Mount, type MountKind, mountImage } from '../support/mounts.ts';

/** The state before, what the leader does, and what the follower cannot have then. */
type Case = [title: string, before: Tree, after: Tree, excluded: string[]];

const cases: Case[] = [
  ['two files', { 'a.txt': '1' }, { 'a.txt': '1', Foo: 'upper', foo: 'lower' }, ['foo']],
  ['two files from the beginning', { Foo: 'upper', foo: 'lower' }, { Foo: 'upper', foo: 'lower' }, ['foo']],
  [
    'two directories',
    {},
    { 'Dir/a': '1', 'Dir/b': '2', 'dir/a': '3', 'dir/c/d': '4' },
    ['dir'],
  ],
  ['a file and a directory', { Thing: 'file' }, { Thing: 'file', 'thing/a': '1' }, ['thing']],
  ['the winner goes', { Foo: 'upper', foo: 'lower' }, { foo: 'lower' }, []],
  ['the loser becomes the winner', { foo: 'lower' }, { Foo: 'upper', foo: 'lower' }, ['foo']],
  ['a file spelt otherwise', { Foo: 'same' }, { foo: 'same' }, []],
  ['a file spelt otherwise, with another content', { Foo: 'old' }, { FOO: 'new' }, []],
  ['a directory spelt otherwise', { 'Dir/sub/a': '1', 'Dir/b': '2' }, { 'dir/sub/a': '1', 'dir/b': '2' }, []],
  ['a directory and a file in it', { 'Dir/Sub/File': '1' }, { 'dir/sub/file': '2' }, []],
  ['a directory becomes a file of another spelling', { 'Thing/a': '1' }, { thing: 'file' }, []],
  ['a file becomes a directory of another spelling', { thing: 'file' }, { 'Thing/a': '1' }, []],
  ['two files swap their contents', { a: '1', A: '2', b: '3', c: '4' }, { a: '2', A: '1', b: '4', c: '3' }, ['a']],
  ['one accent composed, one not', { 'e\u0301': '1' }, { 'e\u0301': '1', é: '2' }, []],
  ['an accent composed otherwise', { 'caf\u0065\u0301': '1' }, { café: '1' }, []],
  ['accents of either case', { É: '1' }, { É: '1', é: '2' }, ['é']],
  ['sharp s and two of them', { ß: '1' }, { ß: '1', SS: '2', ss: '3' }, ['ss']],
  ['the three forms of i', {}, { i: '1', I: '2', '\u0131': '3', '\u0130': '4' }, ['i']],
];

describe.each<[MountKind, string]>([
  ['exfat-fuse', 'keeps names as they are given'],
  ['ntfs-3g', 'shows all in lower case'],
])('C5: %s, which ignores case and %s', kind => {
  describe.skipIf(!canMount(kind))(kind, () => {
    let fleet: Fleet;
    let mount: Mount;
    beforeAll(() => {
      mount = mountImage(kind);
      mkdirSync(join(mount.path, 'w'));
      fleet = makeFleet([{ name: 'disk', workspace: join(mount.path, 'w') }, { name: 'plain' }]);
    });
    afterAll(async () => {
      await fleet.stop();
      mount.unmount();
    });

    test.each(cases)('%s', async (_, before, after, excluded) => {
      fill(fleet.project, before);
      await fenceHere(fleet);
      fill(fleet.project, after);
      const rounds = [];
      for (let round = 0; round < 5; round++) rounds.push(await fenceHere(fleet));
      const [first, ...others] = rounds;
      if (process.env.DBG) console.log(_, JSON.stringify(rounds.map(r=>({...r.disk,error:r.disk?.error?.message, digest:r.disk?.digest?.slice(0,5)}))), read(join(mount.path,'w')));
      if(kind==='exfat-fuse'){expect(first!.disk!.state).toBe('consistent');
      expect(first!.disk!.excluded.map(({ path }) => path)).toEqual(excluded);}
    });
  });
});
