/**
 * The fence is ended at any step, by any side: afterwards each file is as it was or as it is to be, never anything else; the
 * next fence makes all equal; nobody has written to the leader's tree; and what the ended one had prepared does not pile up.
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Change } from '../../contract/trees.ts';
import { apply } from '../../follower/tree/apply.ts';
import { frameHeader } from '../../follower/tree/content-frames.ts';
import { difference } from '../../follower/tree/diff.ts';
import { compileIgnores } from '../../follower/tree/ignore.ts';
import { type DirectoryNode, settled, walk, withNodes } from '../../follower/tree/node.ts';
import { scan } from '../../follower/tree/scan.ts';
import { openStaging, recoverStaging } from '../../follower/tree/staging.ts';
import { cutAfter } from '../support/cut.ts';
import { eventually, type Fleet, makeFleet } from '../support/fleet.ts';
import { type Files, type Ground, look, make, makeGround, onceFree, read, seeded } from './ground.ts';

const LIMIT = 300_000;
const rules = compileIgnores(['ignored']);
const files = (found: Files): Files =>
  Object.fromEntries(Object.entries(found).filter(([, content]) => content !== undefined));

/** A tree that a seed makes: few names, so that two of them have much in common, and much that is in the way. */
function tree(random: (limit: number) => number, size: number): Files {
  const made: Files = {};
  for (let index = 0; index < size; index++) {
    const path = Array.from({ length: 1 + random(3) }, () => `${'abcd'[random(4)]}${random(3)}`).join('/');
    const isTaken = Object.keys(made).some(
      other => other.startsWith(`${path}/`) || path.startsWith(`${other}/`),
    );
    const kind = random(10);
    if (isTaken || path in made) continue;
    if (kind === 0) made[path] = '-> a0';
    else if (kind === 1) made[path] = `*run ${random(5)}`;
    else made[path] = kind === 2 ? 'x'.repeat(random(9_000)) : `text ${random(20)}`;
  }
  return made;
}

/** Each file is one of its two contents, and there at all times when it is in both. */
function expectOldOrNew(now: Files, before: Files, after: Files): void {
  for (const [path, content] of Object.entries(files(now))) {
    if (path.includes('.aw-temporary-')) continue;
    expect([path, [before[path], after[path]].includes(content)]).toEqual([path, true]);
  }
  for (const [path, content] of Object.entries(files(before))) {
    const isStill = after[path] !== undefined && content !== undefined;
    if (isStill) expect([path, now[path] !== undefined]).toEqual([path, true]);
  }
}

describe('the thread that changes the tree', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'aw-faults-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const see = (root: string, previous?: DirectoryNode) =>
    scan(root, { rules, executable: true, previous }).tree;

  test('is ended before any step of 250 changes of trees', { timeout: LIMIT }, () => {
    let positions = 0;
    for (let seed = 0; seed < 250; seed++) {
      const random = seeded(seed);
      const [root, source, staged] = ['root', 'source', 'staging'].map(name =>
        join(dir, `${name}-${seed}`),
      ) as [string, string, string];
      const before: Files = { ...tree(random, 12), 'keep/ignored': 'mine' };
      const after: Files = { ...tree(random, 12) };
      make(root, before);
      make(source, after);
      const [was, willBe] = [read(root), { ...read(source), 'keep/ignored': 'mine' }];
      const leader = look(source);
      const target = see(source);
      const go = (actual: DirectoryNode, beforeStep: (index: number, count: number) => void) => {
        const { changes } = difference(actual, target, false);
        const staging = recoverStaging(staged);
        const wanted = new Set(changes.flatMap(each => (each.op === 'write' ? [each.sha256] : [])));
        staging.clear(wanted);
        for (const [path, node] of walk(target)) {
          if (node.kind === 'file' && wanted.has(node.sha256))
            staging.copyIn(join(source, path), node.sha256);
        }
        const options = { root, actual, staging, executable: true };
        return apply(changes, { ...options, beforeStep: index => beforeStep(index, changes.length) });
      };
      openStaging(staged);
      const first = see(root);
      let end = 0;
      const killed = () =>
        go(first, (index, count) => {
          if (index === 0) end = random(count);
          if (index === end) throw new Error('killed');
        });
      if (difference(first, target, false).changes.length > 0) {
        expect(killed).toThrow('killed');
        positions++;
      }
      expectOldOrNew(read(root), was, willBe);
      expect(readdirSync(staged).length).toBeLessThanOrEqual(24);

      // What the ended one knew of the tree is still believed, as far as the files look the same.
      const second = see(root, first);
      const { published, problems } = go(second, () => {});
      expect(problems).toEqual([]);
      const third = see(root, withNodes(second, published));
      expect(settled(third, target).digest).toBe(target.digest);
      expect(files(read(root))).toEqual(files(willBe));
      recoverStaging(staged).clear();
      expect(readdirSync(staged)).toEqual([]);
      expect(look(source)).toEqual(leader);
      for (const path of [root, source, staged]) rmSync(path, { recursive: true });
    }
    expect(positions).toBeGreaterThan(200);
  });
});

describe('the agent, the link, the leader', () => {
  let ground: Ground;
  let project: ReturnType<typeof look>;
  const random = seeded(7);
  const old: Files = {};
  const renewed: Files = {};
  for (let index = 0; index < 120; index++) {
    old[`d${index % 7}/f${index}`] = `old ${index} ${'o'.repeat(random(3000))}`;
    if (index % 5 > 0) renewed[`d${index % 7}/f${index}`] = `new ${index} ${'n'.repeat(random(60_000))}`;
    else renewed[`e${index % 3}/deep/f${index}`] = `more ${index}`;
  }
  /** As `read` tells large contents. */
  let after: Files;
  let before: Files;

  const begin = () => {
    ground.reset(renewed);
    make(ground.root, { ...old, 'd0/ignored': 'mine' });
    project = look(ground.project);
    after = read(ground.project);
    before = read(ground.root);
  };
  const mend = async () => {
    expectOldOrNew(read(ground.root), { ...before }, { ...after, 'd0/ignored': 'mine' });
    // No more than what one plan had asked for.
    expect(ground.leftovers().length).toBeLessThanOrEqual(Object.keys(renewed).length + 5);
    expect(await ground.sync({ adopt: true })).toMatchObject({ state: 'consistent' });
    expect(files(read(ground.root))).toEqual({ ...files(after), 'd0/ignored': 'mine' });
    expect(ground.leftovers()).toEqual([]);
    expect(look(ground.project)).toEqual(project);
  };

  beforeAll(async () => {
    ground = await makeGround();
  });
  afterAll(() => ground.close());

  test('an agent that is killed, at 5 moments', { timeout: LIMIT }, async () => {
    for (let round = 0; round < 5; round++) {
      begin();
      const syncing = ground.sync({ adopt: true });
      // From before its thread has started to after the last file.
      await sleep(random(150));
      ground.agent.child.kill('SIGKILL');
      await syncing;
      await ground.restartAgent();
      await mend();
    }
  });

  test('an agent that is told to end, at 2 moments', { timeout: LIMIT }, async () => {
    for (let round = 0; round < 2; round++) {
      begin();
      const syncing = ground.sync({ adopt: true });
      await sleep(random(150));
      await ground.agent.end('SIGTERM');
      await syncing;
      await ground.restartAgent();
      await mend();
    }
  });

  test('a link that is cut, at 10 positions', { timeout: LIMIT }, async () => {
    const { endpoint } = ground.agent;
    if (endpoint.kind !== 'socket') throw new Error('not a socket');
    let cuts = 0;
    for (let round = 0; round < 10; round++) {
      begin();
      // A third of them while it is still said what has to be done.
      const cut = await cutAfter(endpoint.path, round % 3 === 0 ? random(20_000) : random(3_000_000));
      const { state, error } = await ground.sync({ adopt: true, port: cut.port });
      if (state !== 'consistent') cuts++;
      expect([undefined, 'AW_HOST_UNREACHABLE', 'AW_FOLLOWER_LOST']).toContain(error?.code);
      await cut.stop();
      await mend();
    }
    expect(cuts).toBeGreaterThan(4);
  });

  test('while changes are made for a leader that is gone, nobody else gets the root, and soon none are made', async () => {
    begin();
    const fence = await ground.hold({ leader: 'one@there' });
    const sha256 = createHash('sha256').update('x').digest('hex');
    const changes = Array.from(
      { length: 4000 },
      (_, index): Change => ({ op: 'write', path: `f${index}`, size: 1, sha256, executable: false }),
    );
    await fence.plan(changes);
    await fence.send(Readable.from([Buffer.concat([frameHeader(sha256, 1), Buffer.from('x')])]));
    const applying = fence.apply().catch(error => error.code);
    await eventually(() => existsSync(join(ground.root, 'f5')), 'it has begun');
    fence.release();
    const other = await onceFree(() => ground.hold({ leader: 'two@there' }));
    const seen = look(ground.root);
    expect(Object.keys(seen).length).toBeLessThan(4000);
    expect(await other.scan({ patterns: [], rehash: false })).toMatchObject({ problems: [] });
    expect(look(ground.root)).toEqual(seen);
    expect(await applying).not.toMatchObject({ done: 4000 });
  });
});

describe('the leader as a process', () => {
  let fleet: Fleet;
  beforeAll(() => {
    fleet = makeFleet([{ name: 'a' }, { name: 'b' }]);
  });
  afterAll(() => fleet.stop(), LIMIT);
  const FENCED = { AW_NO_FENCE: '' };

  test.each(['sync-fence', 'run-everywhere --no-daemon', 'run-everywhere'])(
    'killed: %s',
    { timeout: LIMIT },
    async how => {
      const random = seeded(how.length);
      for (let round = 0; round < 2; round++) {
        const before = Object.fromEntries(['a', 'b'].map(host => [host, read(fleet.workspace(host))]));
        for (let index = 0; index < 60; index++) {
          make(fleet.project, { [`d${index % 5}/f${index}`]: `${how} ${round} ${'x'.repeat(random(2000))}` });
        }
        const project = look(fleet.project);
        const after = read(fleet.project);
        const words = how.split(' ');
        const args =
          how === 'sync-fence'
            ? ['agent', 'followers', 'sync-fence', '--adopt']
            : ['agent', ...words, '--', 'true'];
        const child = fleet.start(args, { env: FENCED });
        child.stdout!.resume();
        child.stderr!.resume();
        const gone = once(child, 'close');
        await sleep(100 + random(600));
        if (how === 'run-everywhere') for (const pid of leaders(fleet)) process.kill(pid, 'SIGKILL');
        child.kill('SIGKILL');
        await gone;
        for (const host of ['a', 'b']) {
          expectOldOrNew(read(fleet.workspace(host)), before[host]!, after);
        }
        const fenced = await fleet.aw(['agent', 'followers', 'sync-fence', '--adopt'], { env: FENCED });
        expect([fenced.code, fenced.stderr]).toEqual([0, '']);
        for (const host of ['a', 'b']) expect(read(fleet.workspace(host))).toEqual(after);
        expect(look(fleet.project)).toEqual(project);
      }
      expect(staged(fleet)).toEqual([]);
    },
  );
});

function leaders(fleet: Fleet): number[] {
  return fleet.processes().filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('aw-leader');
    } catch {
      return false;
    }
  });
}

/** Names in the staging directories of all agents. */
function staged(fleet: Fleet): string[] {
  const followers = join(fleet.env.AW_STATE_DIR!, 'followers');
  return readdirSync(followers, { recursive: true, encoding: 'utf8' }).filter(path =>
    /\/staging\/./.test(path),
  );
}
