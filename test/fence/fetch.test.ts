/** Bringing files back from followers: over the real CLI and real agents, and from a follower that lies. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { encodeFrame, type FrameKind, MAX_FRAME } from '../../follower/files/frames.ts';
import { hostDirectory } from '../../leader/fetch/destination.ts';
import { receiveFiles } from '../../leader/fetch/receive.ts';
import { fill, read } from '../support/fence.ts';
import { type Fleet, makeFleet } from '../support/fleet.ts';

const hosts = ['a', 'b'];
let fleet: Fleet;
let dest: string;
beforeAll(() => {
  fleet = makeFleet(hosts.map(name => ({ name })));
});
afterAll(() => fleet.stop());
beforeEach(() => {
  dest = join(fleet.dir, 'dest');
  rmSync(dest, { recursive: true, force: true });
  for (const host of hosts) fill(fleet.workspace(host), {});
});

interface Record {
  host: string;
  files?: { path: string; size: number; sha256: string }[];
  problems?: { path: string; reason: string }[];
  error?: { code: string; message: string };
}
async function fetch(...args: string[]) {
  const result = await fleet.aw(['agent', 'followers', 'fetch', '--json', ...args]);
  const records: Record[] = result.stdout
    .toString()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));
  return { code: result.code, stderr: result.stderr, records };
}

test('build outputs of each follower, ignored or not, byte for byte, into directories of their own', async () => {
  const large = Buffer.alloc(3 * 1024 * 1024 + 7, 'aw\r\n\0\xff', 'latin1');
  for (const host of hosts) {
    fill(fleet.workspace(host), {
      'build/report.xml': `<${host}/>\r\n`,
      'build/deep/er/large.bin': large,
      'build/empty': '',
      'node_modules/x/out.xml': host,
      'src/main.c': 'no',
      '.git/config': 'secret',
    });
  }
  const { code, records } = await fetch('build', '**/*.xml', '**/config', '--dest', dest);
  expect(code).toBe(0);
  for (const host of hosts) {
    expect(read(join(dest, host))).toEqual({
      build: '/',
      'build/deep': '/',
      'build/deep/er': '/',
      'build/deep/er/large.bin': large.toString('latin1'),
      'build/empty': '',
      'build/report.xml': `<${host}/>\r\n`,
      node_modules: '/',
      'node_modules/x': '/',
      'node_modules/x/out.xml': host,
    });
  }
  const told = records[0]!.files!.find(({ path }) => path.endsWith('large.bin'))!;
  expect(told).toMatchObject({
    size: large.length,
    sha256: createHash('sha256').update(large).digest('hex'),
  });

  // Again over what is there: replaced, and nothing is left over.
  writeFileSync(join(fleet.workspace('a'), 'build/report.xml'), 'new');
  expect((await fetch('build/*.xml', '--dest', dest)).code).toBe(0);
  expect(readFileSync(join(dest, 'a/build/report.xml'), 'utf8')).toBe('new');
  expect(readFileSync(join(dest, 'b/build/report.xml'), 'utf8')).toBe('<b/>\r\n');
});

test('programs stay programs', async () => {
  writeFileSync(join(fleet.workspace('a'), 'tool'), '#!/bin/sh\n', { mode: 0o755 });
  expect((await fetch('tool', '--host', 'a', '--dest', dest)).code).toBe(0);
  expect(statSync(join(dest, 'a/tool')).mode & 0o100).toBe(0o100);
});

test('links are told and not followed, in neither place', async () => {
  writeFileSync(join(fleet.dir, 'secret'), 'secret');
  mkdirSync(join(fleet.workspace('a'), 'out'));
  writeFileSync(join(fleet.workspace('a'), 'out/plain'), 'plain');
  symlinkSync(join(fleet.dir, 'secret'), join(fleet.workspace('a'), 'out/link'));
  symlinkSync(fleet.dir, join(fleet.workspace('a'), 'out/dir'));
  const { code, records } = await fetch('out/**', '--host', 'a', '--dest', dest);
  expect(code).toBe(4);
  expect(records[0]!.files!.map(({ path }) => path)).toEqual(['out/plain']);
  expect(records[0]!.problems!.map(({ path }) => path).sort()).toEqual(['out/dir', 'out/link']);
  expect(records[0]!.error).toMatchObject({ code: 'AW_FETCH_INCOMPLETE' });

  // And here: what stands where the files are to go is not written through.
  const canary = join(fleet.dir, 'canary');
  mkdirSync(canary, { recursive: true });
  rmSync(join(dest, 'a/out'), { recursive: true });
  symlinkSync(canary, join(dest, 'a/out'));
  const again = await fetch('out/plain', '--host', 'a', '--dest', dest);
  expect(again.code).toBe(4);
  expect(read(canary)).toEqual({});
});

test.each([
  ['nothing matches', ['nowhere/*'], 1, 'AW_FETCH_NOTHING'],
  ['too many bytes', ['*', '--max-bytes', '5'], 4, 'AW_FETCH_INCOMPLETE'],
  ['too many files', ['*', '--max-files', '1'], 4, 'AW_FETCH_INCOMPLETE'],
])('%s', async (_, args, code, error) => {
  fill(fleet.workspace('a'), { one: '1234', two: '1234' });
  const fetched = await fetch(...args, '--host', 'a', '--dest', dest);
  expect(fetched).toMatchObject({ code, records: [{ error: { code: error } }] });
});

test.each([['../x'], ['/etc/passwd'], ['a/../../x'], ['C:\\x']])('the pattern %s is refused', async glob => {
  const { code, stderr } = await fetch(glob, '--dest', dest);
  expect(code).toBe(2);
  expect(stderr).toContain('AW_USAGE');
  expect(existsSync(dest)).toBe(false);
});

test('never into what followers get of the project', async () => {
  writeFileSync(join(fleet.workspace('a'), 'f'), 'f');
  symlinkSync(fleet.project, join(fleet.dir, 'alias'));
  onTestFinished(() => rmSync(join(fleet.dir, 'alias')));
  for (const into of ['.', 'new/reports', join(fleet.dir, 'alias/reports')]) {
    const { code, stderr } = await fetch('f', '--host', 'a', '--dest', into);
    expect(code).toBe(2);
    expect(stderr).toContain('AW_FETCH_DEST');
  }
  expect(read(fleet.project)).toEqual({});
  expect((await fetch('f', '--host', 'a', '--dest', 'build/reports')).code).toBe(0);
  expect(read(fleet.project)['build/reports/a/f']).toBe('f');
  rmSync(join(fleet.project, 'build'), { recursive: true });
});

describe('a follower that lies', () => {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const file = (path: string, text: string, more: object = {}, end: object = { sha256: digest(text) }) => [
    encodeFrame('start', { path, size: Buffer.byteLength(text), executable: false, ...more }),
    ...(text === '' ? [] : [encodeFrame('content', Buffer.from(text))]),
    encodeFrame('end', end),
  ];
  const over = encodeFrame('over', { more: false });

  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'aw-fetch-'));
    mkdirSync(join(dir, 'dest'));
    writeFileSync(join(dir, 'canary'), 'alive');
  });
  const receive = async (
    frames: readonly Buffer[],
    request: { maxBytes?: number; globs?: string[] } = {},
  ) => {
    const chunks = async function* () {
      // In pieces that end anywhere.
      const all = Buffer.concat(frames);
      for (let at = 0; at < all.length; at += 7) yield all.subarray(at, at + 7);
    };
    const asked = { root: '/w', globs: ['**'], maxFiles: 10, maxBytes: 1000, ...request };
    try {
      return await receiveFiles(chunks(), asked, hostDirectory(join(dir, 'dest/h')));
    } finally {
      expect(readFileSync(join(dir, 'canary'), 'utf8')).toBe('alive');
      const left = existsSync(join(dir, 'dest/h')) ? Object.keys(read(join(dir, 'dest/h'))) : [];
      expect(left.filter(name => name.includes('.aw-temporary-'))).toEqual([]);
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    }
  };
  const there = () => read(join(dir, 'dest/h'));

  test('its honest brother', async () => {
    const done = await receive([...file('a/b', 'hello'), ...file('c', ''), over]);
    expect(done).toMatchObject({ files: [{ path: 'a/b' }, { path: 'c' }], problems: [], bytes: 5 });
    expect(there()).toEqual({ a: '/', 'a/b': 'hello', c: '' });
  });

  test.each([
    ['../canary'],
    ['a/../../canary'],
    ['/canary'],
    ['a//b'],
    ['./a'],
    ['a\0b'],
    ['.git/hooks/pre-commit'],
    ['a/.GIT/config'],
    ['.aw-temporary-x'],
  ])('the name %j is a problem of that file alone, or of all it says', async path => {
    const outcome = await receive([...file(path, 'evil'), ...file('good', 'good'), over]).then(
      done => done.problems.map(problem => problem.path),
      (error: { code: string }) => error.code,
    );
    expect([[path], 'AW_PROTOCOL_GARBAGE']).toContainEqual(outcome);
    if (existsSync(join(dir, 'dest/h')))
      expect(Object.keys(there()).filter(name => name !== 'good')).toEqual([]);
  });

  test('another content than its digest, or a file that it could not read, is not kept', async () => {
    const done = await receive([
      ...file('wrong', 'abc', {}, { sha256: digest('abd') }),
      ...file('short', 'abc', { size: 4 }),
      ...file('failed', 'abc', {}, { error: 'EIO' }),
      ...file('good', 'good'),
      over,
    ]);
    expect(done.problems.map(({ path }) => path)).toEqual(['wrong', 'short', 'failed']);
    expect(there()).toEqual({ good: 'good' });
  });

  test('a file where a directory is wanted, and a directory where a file is', async () => {
    const done = await receive([
      ...file('a', 'file'),
      ...file('a/b', 'below'),
      ...file('d/e', 'below'),
      ...file('d', 'file'),
      over,
    ]);
    expect(done.problems.map(({ path }) => path)).toEqual(['a/b', 'd']);
    expect(there()).toEqual({ a: 'file', d: '/', 'd/e': 'below' });
  });

  test('one file twice: the second is no other file', async () => {
    const done = await receive([...file('same', 'one'), ...file('same', 'two'), over]);
    expect(done.problems).toMatchObject([{ path: 'same' }]);
    expect(there()).toEqual({ same: 'one' });
  });

  const frame = (kind: FrameKind, body: Buffer | object) => encodeFrame(kind, body);
  test.each<[string, Buffer[], object?]>([
    [
      'more content than it said',
      [frame('start', { path: 'a', size: 1, executable: false }), frame('content', Buffer.from('ab'))],
    ],
    ['more bytes than were asked for', [...file('a', 'x'.repeat(600)), ...file('b', 'x'.repeat(600)), over]],
    ['a size beyond all', [frame('start', { path: 'a', size: 2 ** 50, executable: false })]],
    [
      'more files than were asked for',
      [...Array.from({ length: 1200 }, (_, n) => file(`f${n}`, '')).flat(), over],
    ],
    ['what nobody asked for', [...file('secret', 'x'), over], { globs: ['build/**'] }],
    ['no end', [...file('a', 'a')]],
    ['a file without an end', [file('a', 'a')[0]!, ...file('b', 'b'), over]],
    ['words after its last', [...file('a', 'a'), over, ...file('b', 'b')]],
    ['content of nothing', [frame('content', Buffer.from('x')), over]],
    [
      'problems without number',
      [...Array.from({ length: 1500 }, () => frame('problem', { path: 'a', reason: 'x' })), over],
    ],
  ])('%s ends it', async (_, frames, request) => {
    await expect(receive(frames, request)).rejects.toMatchObject({ code: 'AW_PROTOCOL_GARBAGE' });
  });

  test.each<[string, Buffer]>([
    ['a frame of no kind', Buffer.from([9, 0, 0, 0, 0])],
    ['a frame without measure', Buffer.from([2, 0xff, 0xff, 0xff, 0xff])],
    ['half a frame', encodeFrame('content', Buffer.alloc(10)).subarray(0, 8)],
    ['noise for JSON', encodeFrame('start', Buffer.from('{'))],
    ['a start without a path', encodeFrame('start', { size: 1 })],
  ])('%s ends it', async (_, bytes) => {
    await expect(receive([bytes])).rejects.toThrow();
    expect(MAX_FRAME).toBeLessThan(2 ** 20);
  });

  test('a link that stands in the directory is not gone through', async () => {
    mkdirSync(join(dir, 'dest/h'));
    symlinkSync(dir, join(dir, 'dest/h/sub'));
    const done = await receive([...file('sub/canary', 'dead'), over]);
    expect(done.problems).toHaveLength(1);
    expect(lstatSync(join(dir, 'dest/h/sub')).isSymbolicLink()).toBe(true);
  });
});
