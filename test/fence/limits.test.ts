/** What disks, file systems and clocks do to a fence: it succeeds, or says why not, and never hangs. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AwError } from '../../contract/errors.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { launcher } from '../../follower/test-support/agent.ts';
import { FRAME_HEADER } from '../../follower/tree/content-frames.ts';
import { compileIgnores } from '../../follower/tree/ignore.ts';
import { scan } from '../../follower/tree/scan.ts';
import { canMount } from '../support/install.ts';
import { requires } from '../support/require.ts';
import { addUser, canAddUsers, type TestUser } from '../support/users.ts';
import { type Files, type Ground, make, makeGround, read } from './ground.ts';

const isSlow = process.env.AW_SLOW === '1';
/** Milliseconds. A busy disk takes minutes to remove what one test has made. */
const LIMIT = isSlow ? 900_000 : 300_000;

let ground: Ground;
beforeAll(async () => {
  ground = await makeGround();
});
afterAll(() => ground.close());
beforeEach(() => ground.reset({ a: 'one', 'd/b': 'two' }), LIMIT);

const failure = async (spec?: Parameters<Ground['sync']>[0]) => {
  const { state, error } = await ground.sync(spec);
  return state === 'consistent' ? undefined : error;
};
/** A root elsewhere than the usual one. */
const at = (root: string, socket?: string) => {
  if (ground.agent.endpoint.kind !== 'socket') throw new Error('not a socket');
  const { path } = ground.agent.endpoint;
  return { hosts: [HostEntry.parse({ name: 'f', os: 'linux', workspace: root, socket: socket ?? path })] };
};

describe('space and permission', () => {
  test.skipIf(!canMount)('a disk that is full, and then is not', async () => {
    const mount = join(ground.dir, 'disk');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    try {
      const root = join(mount, 'root');
      expect(await failure(at(root))).toBeUndefined();
      const large = Object.fromEntries(
        Array.from({ length: 30 }, (_, index) => [`large/${index}`, String(index).repeat(100_000)]),
      );
      make(ground.project, { ...large, a: 'ONE' });
      const { code, message } = (await failure(at(root)))!;
      expect([code, message]).toEqual(['AW_DISK', expect.stringContaining('ENOSPC')]);
      expect(read(root)).toEqual({ a: 'one', d: undefined, 'd/b': 'two' });
      execFileSync('mount', ['-o', 'remount,size=32m', mount]);
      expect(await failure(at(root))).toBeUndefined();
      expect(read(root)).toEqual(read(ground.project));
    } finally {
      // Its thread lets go of nothing that a mount would miss.
      execFileSync('umount', [mount]);
    }
    // The mount is gone, and with it the root.
    expect(await failure(at(join(mount, 'root')))).toMatchObject({ code: 'AW_TREE_ROOT' });
  });

  const canLock = requires('chattr', triesToLock());
  test.skipIf(!canLock)('a file that is held, and then is not', async () => {
    expect(await failure()).toBeUndefined();
    const held = join(ground.root, 'a');
    make(ground.project, { a: 'ONE', 'd/b': 'TWO' });
    execFileSync('chattr', ['+i', held]);
    try {
      const { code, message } = (await failure())!;
      expect([code, message]).toEqual(['AW_FENCE_INCOMPLETE', expect.stringMatching(/"a": (EPERM|EACCES)/)]);
      expect(read(ground.root)).toMatchObject({ a: 'one', 'd/b': 'TWO' });
    } finally {
      execFileSync('chattr', ['-i', held]);
    }
    expect(await failure()).toBeUndefined();
  });

  describe.skipIf(!canAddUsers)('as somebody who may not do all', () => {
    let user: TestUser;
    let home: string;
    let end: () => Promise<void>;
    const root = () => join(home, 'root');
    const socket = () => join(home, 'agent', 'agent.sock');
    beforeAll(async () => {
      chmodSync(ground.dir, 0o711);
      home = join(ground.dir, 'home');
      user = addUser('/bin/sh', home);
      mkdirSync(join(home, 'agent'));
      user.own(home);
      const { uid, gid } = statSync(home);
      const child = spawn(
        process.execPath,
        [launcher, 'serve', '--state-dir', join(home, 'agent'), '--socket', socket()],
        {
          cwd: home,
          env: { PATH: process.env.PATH, HOME: home },
          uid,
          gid,
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const exited = once(child, 'exit');
      end = async () => {
        child.kill();
        await exited;
      };
      await once(child.stdout!, 'data');
    });
    afterAll(async () => {
      await end?.();
      user?.remove();
    });
    beforeEach(() => {
      rmSync(root(), { recursive: true, force: true });
      mkdirSync(root());
      user.own(root());
    });
    const fenced = () => failure(at(root(), socket()));

    test('a read-only file is replaced', async () => {
      expect(await fenced()).toBeUndefined();
      chmodSync(join(root(), 'a'), 0o444);
      make(ground.project, { a: 'ONE' });
      expect(await fenced()).toBeUndefined();
      expect(read(root())).toMatchObject({ a: 'ONE' });
    });

    test('a read-only directory is an error that names it, and holds up nothing else', async () => {
      expect(await fenced()).toBeUndefined();
      chmodSync(join(root(), 'd'), 0o555);
      make(ground.project, { a: 'ONE', 'd/b': 'TWO' });
      const { code, message } = (await fenced())!;
      expect([code, message]).toEqual(['AW_FENCE_INCOMPLETE', expect.stringContaining('"d/b": EACCES')]);
      expect(read(root())).toMatchObject({ a: 'ONE', 'd/b': 'two' });
      chmodSync(join(root(), 'd'), 0o755);
      expect(await fenced()).toBeUndefined();
    });

    test.each(['a', 'd'])('what cannot be read is an error that names it: %s', async path => {
      expect(await fenced()).toBeUndefined();
      // Only what has changed is read again.
      if (path === 'a') writeFileSync(join(root(), 'a'), 'other');
      chmodSync(join(root(), path), 0o000);
      const { code, message } = (await fenced())!;
      expect([code, message]).toEqual([
        'AW_FENCE_INCOMPLETE',
        expect.stringContaining(`"${path}" there: EACCES`),
      ]);
      chmodSync(join(root(), path), 0o755);
      expect(await fenced()).toBeUndefined();
    });

    test('a root where nothing can be written, and one where nothing can be made', async () => {
      chmodSync(root(), 0o555);
      const { code, message } = (await fenced())!;
      // Who had opened it before finds out with the first file.
      expect([code, message]).toEqual([
        expect.stringMatching(/^AW_(TREE_ROOT|FENCE_INCOMPLETE)$/),
        expect.stringContaining('EACCES'),
      ]);
      const elsewhere = await failure(at(join(ground.outside, 'new'), socket()));
      expect(elsewhere).toMatchObject({ code: 'AW_TREE_ROOT', details: { reason: 'EACCES' } });
    });
  });

  function triesToLock(): boolean {
    try {
      const file = '/tmp/.aw-chattr-probe';
      writeFileSync(file, '');
      execFileSync('chattr', ['+i', file], { stdio: 'ignore' });
      execFileSync('chattr', ['-i', file], { stdio: 'ignore' });
      rmSync(file);
      return true;
    } catch {
      return false;
    }
  }
});

describe('roots', () => {
  test('a directory that is missing is made, if its parent is there', async () => {
    const root = join(ground.dir, 'fresh');
    expect(await failure(at(root))).toBeUndefined();
    expect(read(root)).toEqual(read(ground.project));
    expect(await failure(at(join(ground.dir, 'no', 'parent')))).toMatchObject({ code: 'AW_TREE_ROOT' });
    // It is gone: its disk may be, too.
    rmSync(root, { recursive: true });
    const { code, message } = (await failure(at(root)))!;
    expect([code, message]).toEqual(['AW_TREE_ROOT', expect.stringContaining('it is gone')]);
    make(root, { mine: 'x' });
    expect((await failure(at(root)))?.code).toBe('AW_TREE_STRANGE');
  });

  test('a project that has become empty does not empty its followers, unless that is meant', async () => {
    expect(await failure()).toBeUndefined();
    rmSync(ground.project, { recursive: true });
    make(ground.project, {});
    expect((await failure())?.code).toBe('AW_TREE_EMPTY');
    expect(read(ground.root)).toMatchObject({ a: 'one' });
    expect(await failure({ allowEmpty: true })).toBeUndefined();
    expect(read(ground.root)).toEqual({});
  });

  test('a root that somebody has emptied is filled again', async () => {
    expect(await failure()).toBeUndefined();
    for (const path of ['a', 'd']) rmSync(join(ground.root, path), { recursive: true });
    expect(await failure()).toBeUndefined();
    expect(read(ground.root)).toEqual(read(ground.project));
  });
});

describe('what a tree can hold', () => {
  test('a path of 4,000 bytes', async () => {
    const names: string[] = [];
    while (names.join('/').length < 3_880) names.push('x'.repeat(90 + (names.length % 7)));
    const path = `${names.join('/')}/end`;
    make(ground.project, { [path]: 'far down' });
    expect(join(ground.project, path).length).toBeGreaterThan(3_900);
    expect(await failure()).toBeUndefined();
    expect(readFileSync(join(ground.root, path), 'utf8')).toBe('far down');
    rmSync(join(ground.project, names[0]!), { recursive: true });
    expect(await failure()).toBeUndefined();
    expect(read(ground.root)).toEqual(read(ground.project));

    // Where the root itself is longer, it is too long.
    const root = join(ground.dir, 'r'.repeat(250));
    mkdirSync(root);
    make(ground.project, { [path]: 'far down' });
    const { code, message } = (await failure(at(root)))!;
    expect([code, message]).toEqual(['AW_FENCE_INCOMPLETE', expect.stringContaining('ENAMETOOLONG')]);
  });

  test(`${isSlow ? 100_000 : 5_000} files in one directory`, { timeout: LIMIT }, async () => {
    const count = isSlow ? 100_000 : 5_000;
    const files: Files = {};
    for (let index = 0; index < count; index++) files[`many/${index}`] = `${index}`;
    make(ground.project, files);
    const { error, changes } = await ground.sync({ timeoutMs: LIMIT });
    expect([error, changes]).toEqual([undefined, count + 4]);
    expect(await ground.sync()).toMatchObject({ state: 'consistent', changes: 0 });
    make(ground.project, { 'many/7': 'seven' });
    expect(await ground.sync()).toMatchObject({ state: 'consistent', changes: 1, sent: FRAME_HEADER + 5 });
  });

  test(`a file of ${isSlow ? 5 : 0.05} GiB that has nothing in it takes no room there`, {
    timeout: LIMIT,
  }, async () => {
    const size = (isSlow ? 5 : 0.05) * 2 ** 30;
    const file = join(ground.project, 'sparse');
    writeFileSync(file, 'begin');
    truncateSync(file, Math.round(size));
    appendFileSync(file, 'end');
    expect(await failure({ timeoutMs: LIMIT })).toBeUndefined();
    const { size: there, blocks } = statSync(join(ground.root, 'sparse'));
    expect(there).toBe(statSync(file).size);
    // Of 512 bytes each.
    expect(blocks * 512).toBeLessThan(size / 10);
  });

  test('what is no file, here and there', async () => {
    expect(await failure()).toBeUndefined();
    execFileSync('mkfifo', [join(ground.root, 'pipe')]);
    const { code, message } = (await failure())!;
    expect([code, message]).toEqual(['AW_FENCE_INCOMPLETE', expect.stringContaining('"pipe" there')]);
    rmSync(join(ground.root, 'pipe'));
    execFileSync('mkfifo', [join(ground.project, 'pipe')]);
    await expect(ground.sync()).rejects.toMatchObject({ code: 'AW_LEADER_UNREADABLE' });
  });

  test('names that are no text, here and there', async () => {
    expect(await failure()).toBeUndefined();
    const name = (root: string) =>
      Buffer.concat([Buffer.from(`${root}/d/`), Buffer.from([0x66, 0xff, 0xfe])]);
    writeFileSync(name(ground.root), 'x');
    const { code, message } = (await failure())!;
    expect([code, message]).toEqual(['AW_FENCE_INCOMPLETE', expect.stringContaining('its bytes are 66fffe')]);
    rmSync(name(ground.root));
    writeFileSync(name(ground.project), 'x');
    await expect(ground.sync()).rejects.toMatchObject({ code: 'AW_LEADER_UNREADABLE' });
  });
});

describe('what changes meanwhile', () => {
  const alternate = (file: string) => {
    let turn = 0;
    const timer = setInterval(() => writeFileSync(file, 'ab'[turn++ % 2]!.repeat(200_000)), 3);
    return () => clearInterval(timer);
  };

  test('a file of the follower that never rests: an error, or it was equal once', {
    timeout: LIMIT,
  }, async () => {
    expect(await failure()).toBeUndefined();
    const stop = alternate(join(ground.root, 'a'));
    try {
      expect([undefined, 'AW_FENCE_INCOMPLETE']).toContain((await failure())?.code);
    } finally {
      stop();
    }
    expect(await failure()).toBeUndefined();
    expect(read(ground.root)).toEqual(read(ground.project));
  });

  test('a file of the leader that never rests: an error, or what it really was', {
    timeout: LIMIT,
  }, async () => {
    const file = join(ground.project, 'a');
    const states = ['', 'one', 'a'.repeat(200_000), 'b'.repeat(200_000)];
    const stop = alternate(file);
    try {
      for (let round = 0; round < 5; round++) {
        const code = await failure().then(
          error => error?.code,
          (error: AwError) => error.code,
        );
        expect([undefined, 'AW_LEADER_UNSTABLE']).toContain(code);
        const there = join(ground.root, 'a');
        if ('a' in read(ground.root)) expect(states).toContain(readFileSync(there, 'utf8'));
      }
    } finally {
      stop();
    }
    expect(await failure()).toBeUndefined();
    expect(read(ground.root)).toEqual(read(ground.project));
  });

  test('a file from the future, and one that is set back', async () => {
    const future = new Date('2099-01-01');
    utimesSync(join(ground.project, 'a'), future, future);
    expect(await failure()).toBeUndefined();
    const there = join(ground.root, 'a');
    for (const time of [future, new Date(0), statSync(there).mtime]) {
      writeFileSync(there, 'eno');
      utimesSync(there, time, time);
      expect(await ground.sync()).toMatchObject({ state: 'consistent', changes: 1 });
      expect(read(ground.root)).toEqual(read(ground.project));
    }
  });

  test('a clock that jumps hides no change', () => {
    const rules = compileIgnores([]);
    const file = join(ground.root, 'x');
    const day = 24 * 3_600_000;
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const real = statSync(ground.dir).ctimeMs;
      let previous = scan(ground.root, { rules, executable: true }).tree;
      for (const [round, jump] of [0, day, -day, 400 * day, 0, -400 * day, 0].entries()) {
        vi.setSystemTime(real + jump);
        for (let time = 0; time < 20; time++) {
          writeFileSync(file, `${round} ${time}`.padEnd(20));
          utimesSync(file, 1, 1);
          const { tree } = scan(ground.root, { rules, executable: true, previous });
          expect(tree.digest).not.toBe(previous.digest);
          previous = tree;
        }
      }
    } finally {
      vi.useRealTimers();
    }
  });
});
