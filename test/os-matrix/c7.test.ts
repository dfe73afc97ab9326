/** C7: what followers build stays there. It never comes to the leader, and a fence leaves it alone where it is ignored. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fence, fencedRun, fill, read, type Tree } from '../support/fence.ts';
import { exitOf, type Fleet, makeFleet } from '../support/fleet.ts';

const hosts = ['a', 'b'];
const project: Tree = {
  'src/main.c': 'int main(void) { return 0; }\n',
  'lib/package.json': '{}\n',
  'lib/index.js': '\n',
  '.agents/mutagen.yml': 'sync:\n  defaults:\n    ignore:\n      paths: ["dist/", "*.o", "!keep.o"]\n',
};
/** What a build leaves, of which the last two belong to nobody. */
const kept = [
  'target/debug/app',
  'build/out',
  'lib/node_modules/dep/index.js',
  'dist/bundle.js',
  'src/main.o',
];
const removed = ['report.txt', 'lib/keep.o', 'coverage/index.html'];
const build = [...kept, ...removed]
  .map(path => `mkdir -p "$(dirname ${path})" && echo built by $AW_HOST > ${path}`)
  .join(' && ');

let fleet: Fleet;
beforeAll(async () => {
  fleet = makeFleet(hosts.map(name => ({ name })));
  fill(fleet.project, project);
});
afterAll(() => fleet.stop());

const has = (path: string) => hosts.map(host => existsSync(join(fleet.workspace(host), path)));

test('C7: what a build leaves on a follower survives fences where it is ignored, and goes where it is not', async () => {
  const before = read(fleet.project, []);
  expect((await fencedRun(fleet, ['-c', build])).code).toBe(0);
  for (const path of [...kept, ...removed]) expect([path, has(path)]).toEqual([path, [true, true]]);

  const first = await fence(fleet);
  expect(first.code).toBe(0);
  for (const path of kept) expect([path, has(path)]).toEqual([path, [true, true]]);
  for (const path of removed) expect([path, has(path)]).toEqual([path, [false, false]]);
  for (const { changes } of Object.values((await fence(fleet)).hosts)) expect(changes).toBe(0);

  expect(read(fleet.project, [])).toEqual(before);
});

test('C7: a program that was built before the fence is there for the next run', async () => {
  const { events } = await fencedRun(fleet, [
    '-c',
    'grep -q "built by $AW_HOST" target/debug/app && test ! -e report.txt',
  ]);
  for (const host of hosts) expect(exitOf(events, host)).toMatchObject({ code: 0 });
});

test('C7: a directory that the leader removes keeps what is ignored in it, and is no difference', async () => {
  const { 'lib/package.json': _, 'lib/index.js': __, ...rest } = project;
  fill(fleet.project, rest, ['.agents']);
  for (const changes of [2, 0, 0]) {
    const { hosts: results } = await fence(fleet);
    for (const host of hosts) {
      expect(results[host]).toMatchObject({ state: 'consistent' });
      if (changes === 0) expect(results[host]).toMatchObject({ changes });
    }
  }
  expect(has('lib/index.js')).toEqual([false, false]);
  const built = join(fleet.workspace('a'), 'lib/node_modules/dep/index.js');
  expect(readFileSync(built, 'utf8')).toBe('built by a\n');
});

test('C7: a directory that the leader renames takes what is ignored in it along, or leaves it; none is lost', async () => {
  fill(fleet.project, { ...project, 'src/gen/a.c': 'a\n' });
  await fence(fleet);
  await fleet.run(['-c', 'mkdir -p src/gen/build && echo cached > src/gen/build/cache']);
  const { 'src/main.c': main, ...rest } = project;
  fill(fleet.project, { ...rest, 'source/main.c': main!, 'source/gen/a.c': 'a\n' });
  for (const { state } of Object.values((await fence(fleet)).hosts)) expect(state).toBe('consistent');
  const caches = ['src/gen/build/cache', 'source/gen/build/cache'].flatMap(has);
  expect(caches.filter(Boolean)).toHaveLength(hosts.length);
  for (const { changes } of Object.values((await fence(fleet)).hosts)) expect(changes).toBe(0);
});

test('C7: neither do the dot files of desktops', async () => {
  await fleet.run(['-c', 'touch .DS_Store Thumbs.db desktop.ini ._lib']);
  for (const { changes } of Object.values((await fence(fleet)).hosts)) expect(changes).toBe(0);
  expect(has('.DS_Store')).toEqual([true, true]);
  expect(existsSync(join(fleet.project, '.DS_Store'))).toBe(false);
});
