/** A leader that lies to a follower: it is refused, and nothing outside of the root is touched. */
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwError } from '../../contract/errors.ts';
import type { Change } from '../../contract/trees.ts';
import { frameHeader } from '../../follower/tree/content-frames.ts';
import { checkTreePath } from '../../follower/tree/safe-path.ts';
import { requires } from '../support/require.ts';
import { type Ground, look, make, makeGround, read } from './ground.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const write = (path: string, text = 'evil'): Change => ({
  op: 'write',
  path,
  size: Buffer.byteLength(text),
  sha256: sha(text),
  executable: false,
});
const frames = (...chunks: Buffer[]) => Readable.from(chunks);
const frame = (text: string) => Buffer.concat([frameHeader(sha(text), text.length), Buffer.from(text)]);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing',
    (error: AwError) => error.code,
  );

/** Another device than that of temporary files, where a rename does not reach. */
const SHM = '/dev/shm';
const hasShm = requires('shm', canUseShm());
function canUseShm(): boolean {
  try {
    return statSync(SHM).dev !== statSync('/tmp').dev;
  } catch {
    return false;
  }
}

let ground: Ground;
let outside: ReturnType<typeof look>;
beforeAll(async () => {
  ground = await makeGround();
});
afterAll(() => ground.close());
beforeEach(() => {
  ground.reset({ a: 'one' });
  outside = look(ground.outside);
});
afterEach(() => expect(look(ground.outside)).toEqual(outside));

describe('a leader that lies', () => {
  const paths = [
    '/etc/evil',
    '//evil',
    '..',
    '../outside/evil',
    'a/../../outside/evil',
    './a',
    'a/.',
    'a//b',
    'a/',
    'nul\0byte',
    '.git',
    '.git/hooks/post-checkout',
    'sub/.git/config',
    '.GIT/config',
    '.Git',
    'git~1/config',
    'GIT~1',
    '.git./config',
    '.git /config',
    '.git::$INDEX_ALLOCATION/config',
    '.g\u200cit/config',
    '.hg/hgrc',
    '.HG/hgrc',
    '.svn/entries',
    '.aw-temporary-staging/x',
    '.AW-temporary-x',
  ];
  test.each(paths)('%j is refused in every step, before anything is done', async path => {
    const fence = await ground.hold();
    const steps: Change[] = [
      write(path),
      { op: 'mkdir', path },
      { op: 'remove', path },
      { op: 'link', path, target: 'x' },
      { op: 'mode', path, executable: true },
      { op: 'move', from: path, to: 'b' },
      { op: 'move', from: 'b', to: path },
      { op: 'respell', from: path, to: 'b' },
      { op: 'respell', from: 'b', to: path },
    ];
    for (const step of steps) {
      expect([step, await codeOf(fence.plan([{ op: 'mkdir', path: 'fine' }, step]))]).toEqual([
        step,
        'AW_TREE_PATH',
      ]);
    }
    expect(await fence.apply()).toMatchObject({ done: 0 });
    expect(read(ground.root)).toEqual({});
  });

  test('what is no path at all', async () => {
    const fence = await ground.hold();
    for (const path of ['', 'x'.repeat(20_000), 7, null]) {
      expect(await codeOf(fence.plan([{ op: 'mkdir', path: path as string }]))).toBe('AW_INVALID_REQUEST');
    }
  });

  test.each([
    'C:',
    'C:\\evil',
    'a\\b',
    'file:stream',
    'aux',
    'COM1.txt',
    'a.',
    'a ',
    'a?',
    'x/nul',
    '\u0001',
  ])('on Windows, %j is refused too', path => {
    expect(() => checkTreePath(path, 'win32')).toThrow(/is refused/);
    expect(() => checkTreePath(path, 'linux')).not.toThrow();
  });

  test.each(['relative', '/', '', '.', '/no/such/place', '/etc/passwd', '/tmp/nul\0byte'])(
    'the root %j is refused',
    async root => {
      expect(await codeOf(ground.hold({ root }))).toMatch(/^AW_(TREE_ROOT|INVALID_REQUEST)$/);
    },
  );

  test('a root that holds the agent itself, or lies in it, is refused', async () => {
    for (const root of [ground.dir, ground.agent.stateDir, join(ground.agent.stateDir, 'runs')]) {
      expect(await codeOf(ground.hold({ root }))).toBe('AW_TREE_ROOT');
    }
  });

  test('through links that were planted, nothing goes', async () => {
    make(ground.root, {
      'd/x': 'x',
      in: `-> ${ground.outside}`,
      up: '-> ../outside',
      file: `-> ${ground.outside}/canary`,
    });
    const fence = await ground.hold();
    await fence.scan({ patterns: [], rehash: false });
    const through: Change[] = ['in', 'up', 'd/../in'.slice(5)].flatMap((at): Change[] => [
      write(`${at}/evil`),
      write(`${at}/canary`),
      write(`${at}/deep/canary`),
      { op: 'mkdir', path: `${at}/evil` },
      { op: 'link', path: `${at}/evil`, target: 'x' },
      { op: 'mode', path: `${at}/canary`, executable: true },
      { op: 'move', from: 'd', to: `${at}/evil` },
      { op: 'move', from: `${at}/deep`, to: 'evil' },
      { op: 'respell', from: `${at}/deep`, to: `${at}/Deep` },
    ]);
    const needs = await fence.plan([{ op: 'mode', path: 'file', executable: true }, ...through]);
    expect(needs).toEqual([{ sha256: sha('evil'), size: 4 }]);
    await fence.send(frames(frame('evil')));
    const { failed } = await fence.apply();
    expect(failed).toBe(through.length + 1);
    // A link itself is only a name: what replaces or removes it leaves alone what it leads to.
    expect(await fence.plan([write('file'), { op: 'remove', path: 'in' }, write('up', 'evil')])).toEqual([]);
    expect(await fence.apply()).toMatchObject({ failed: 0 });
    expect(read(ground.root)).toEqual({ d: undefined, 'd/x': 'x', file: 'evil', up: 'evil' });
  });

  test('a link that takes the place of a directory after the scan is not followed', async () => {
    make(ground.root, { 'deep/canary': 'mine' });
    const fence = await ground.hold();
    await fence.scan({ patterns: [], rehash: false });
    await fence.plan([{ op: 'remove', path: 'deep' }]);
    rmSync(join(ground.root, 'deep'), { recursive: true });
    symlinkSync(join(ground.outside, 'deep'), join(ground.root, 'deep'));
    expect(await fence.apply()).toMatchObject({ failed: 1, problems: [{ code: 'ENOTDIR' }] });
  });

  test.each(['a link', 'another directory', 'nothing'])(
    'a root that has become %s is neither looked at nor changed',
    async what => {
      const fence = await ground.hold();
      await fence.plan([{ op: 'mkdir', path: 'd' }]);
      rmSync(join(ground.dir, 'moved'), { recursive: true, force: true });
      renameSync(ground.root, join(ground.dir, 'moved'));
      if (what === 'a link') symlinkSync(ground.outside, ground.root);
      if (what === 'another directory') mkdirSync(ground.root);
      expect(await codeOf(fence.scan({ patterns: [], rehash: false }))).toBe('AW_TREE_ROOT');
      expect(await codeOf(fence.apply())).toBe('AW_TREE_ROOT');
      expect(read(join(ground.dir, 'moved'))).toEqual({});
    },
  );

  test.skipIf(!hasShm)('a staging directory that is a link is not one', async () => {
    const dir = mkdtempSync(join(SHM, 'aw-staging-'));
    try {
      const root = join(dir, 'root');
      mkdirSync(root);
      const beside = join(dir, '.aw-temporary-staging-root');
      symlinkSync(ground.outside, beside);
      const fence = await ground.hold({ root });
      expect(await fence.plan([write('x')])).toHaveLength(1);
      await fence.send(frames(frame('evil')));
      expect([lstatSync(beside).isDirectory(), readdirSync(beside)]).toEqual([true, [sha('evil')]]);
      expect(await fence.apply()).toMatchObject({ failed: 0 });
      expect(read(root)).toEqual({ x: 'evil' });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('content that was not asked for, is not what it says, or is not all of it', async () => {
    const fence = await ground.hold();
    await fence.plan([write('x', 'wanted'), write('y', 'also')]);
    const refused = async (...chunks: Buffer[]) => codeOf(fence.send(frames(...chunks)));
    expect(await refused(frame('unasked'))).toBe('AW_INVALID_REQUEST');
    expect(await refused(frameHeader(sha('wanted'), 5), Buffer.from('wante'))).toBe('AW_INVALID_REQUEST');
    expect(await refused(frameHeader(sha('wanted'), 2 ** 47), Buffer.alloc(9))).toBe('AW_INVALID_REQUEST');
    expect(await refused(frameHeader(sha('wanted'), 6), Buffer.from('WANTED'))).toBe('AW_INVALID_REQUEST');
    expect(await refused(frameHeader(sha('wanted'), 6), Buffer.from('wan'))).toBe('AW_INVALID_REQUEST');
    expect(await refused(Buffer.from('half a header'))).toBe('AW_INVALID_REQUEST');
    expect(await refused(Buffer.concat([frame('also'), Buffer.from('and more')]))).toBe('AW_INVALID_REQUEST');
    // What had come whole before the fault is kept; the rest is not there, and neither is half of it.
    expect(ground.leftovers()).toEqual([sha('also')]);
    expect(await fence.apply()).toMatchObject({
      done: 1,
      failed: 1,
      problems: [{ path: 'x', code: 'ENOENT' }],
    });
    expect(read(ground.root)).toEqual({ y: 'also' });
  });

  test('content in chunks of any size', async () => {
    const fence = await ground.hold();
    const texts = ['', 'b', 'c'.repeat(100_000), '\0'.repeat(200_000), `${'\0'.repeat(70_000)}end`];
    await fence.plan(texts.map((text, index) => write(`f${index}`, text)));
    const bytes = Buffer.concat(texts.map(frame));
    const chunks: Buffer[] = [];
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 50_021) {
      chunks.push(bytes.subarray(at, at + size));
    }
    await fence.send(frames(...chunks));
    expect(await fence.apply()).toMatchObject({ done: texts.length, failed: 0 });
    const { digest } = await fence.scan({ patterns: [], rehash: true });
    make(ground.project, Object.fromEntries(texts.map((text, index) => [`f${index}`, text])));
    rmSync(join(ground.project, 'a'));
    fence.release();
    expect(await ground.sync()).toMatchObject({ state: 'consistent', changes: 0, digest });
    // Of 512 bytes each: what is nothing but zeros takes no room.
    expect(statSync(join(ground.root, 'f3')).blocks).toBeLessThan(200);
  });

  test('steps that would replace something else', async () => {
    const files = { 'd/x': 'x', 'e/y': 'y', f: 'f', g: 'g', 'empty/ignored': 'kept' };
    make(ground.root, files);
    const fence = await ground.hold();
    await fence.scan({ patterns: ['ignored'], rehash: false });
    const steps: Change[] = [
      { op: 'respell', from: 'd/x', to: 'X' },
      { op: 'respell', from: 'f', to: 'e/f' },
      { op: 'respell', from: 'f', to: 'g' },
      { op: 'move', from: 'd', to: 'e' },
      { op: 'move', from: 'd', to: 'f' },
      { op: 'move', from: 'd', to: 'empty' },
      { op: 'move', from: 'd', to: 'd/in/itself' },
      { op: 'mkdir', path: 'f' },
      { op: 'mode', path: 'd', executable: false },
      write('d', ''),
    ];
    await fence.plan(steps);
    await fence.send(frames(frame('')));
    expect(await fence.apply()).toMatchObject({ done: 0, failed: steps.length });
    expect(read(ground.root)).toMatchObject(files);
  });

  test('names that are paths', async () => {
    const fence = await ground.hold();
    for (const name of ['../outside/evil', '..', '.', '', '/etc/evil', 'a/b', 'nul\0']) {
      expect([name, await codeOf(fence.sameNames([['fine', name]]))]).toEqual([name, 'AW_TREE_PATH']);
    }
    const long = 'x'.repeat(255);
    expect(
      await fence.sameNames([
        ['A', 'a', 'A'],
        [long, `${long}y`],
      ]),
    ).toEqual([['A', 'A']]);
    expect(read(ground.root)).toEqual({});
  });

  test('more than anybody can mean', async () => {
    const fence = await ground.hold();
    const lines = (line: string, count: number) => ({
      [Symbol.iterator]: function* () {
        for (let index = 0; index < count; index++) yield line;
      },
    });
    expect(await codeOf(fence.list(lines('x', 2_000_001) as never))).toBe('AW_INVALID_REQUEST');
    expect(await codeOf(fence.list(lines('x'.repeat(1_000_000), 300) as never))).toBe('AW_INVALID_REQUEST');
    expect(await codeOf(fence.list(lines('x'.repeat(5_000_000), 1) as never))).toBe('AW_FRAME_TOO_LARGE');
    expect(await fence.scan({ patterns: [], rehash: false })).toMatchObject({ files: 0 });
  });

  test('calls of a fence that is over, of none, and of one twice', async () => {
    const fence = await ground.hold({ id: 'mine' });
    expect(await codeOf(ground.hold({ id: 'mine', root: ground.outside }))).toBe('AW_INVALID_REQUEST');
    expect(await fence.scan({ patterns: [], rehash: false })).toMatchObject({ files: 0 });
    const { status } = await ground.agent.call('POST', '/v1/fences/other/apply');
    expect(status).toBe(404);
    fence.release();
    await expect.poll(() => codeOf(fence.apply()), { timeout: 30_000 }).toBe('AW_FENCE_NOT_FOUND');
    const again = await ground.hold({ leader: 'another@place' });
    expect(await again.scan({ patterns: [], rehash: false })).toMatchObject({ files: 0 });
  });
});
