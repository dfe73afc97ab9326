/** A follower that lies to its leader: it gets what it is to have and nothing else, and harms nobody but itself. */
import { createHash } from 'node:crypto';
import { mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Change, FenceScanned } from '../../contract/trees.ts';
import { startFence } from '../../leader/fence/fence.ts';
import { type FakeFollower, startFakeFollower } from '../../leader/test-support/fake-follower.ts';
import { look, make, STRICT } from './ground.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const LINUX = {
  caseSensitive: true,
  normalizationSensitive: true,
  executable: true,
  symlinks: true,
  windowsNames: false,
  nameUnit: 'byte',
};
const EMPTY = sha('');
const SCANNED: FenceScanned = {
  digest: EMPTY,
  files: 0,
  directories: 1,
  hashed: 0,
  hashedBytes: 0,
  tookMs: 1,
  problems: [],
};

/** By call: what it answers, given what it was asked; lines where that is an array or goes on and on. */
interface Lies {
  hold: () => object;
  scan: () => object;
  names: (body: string) => object;
  differing: (body: string) => Iterable<unknown>;
  list: (body: string) => Iterable<unknown>;
  plan: (body: string) => Iterable<unknown>;
  apply: () => object;
}

let dir: string;
let project: string;
let follower: FakeFollower;
let lies: Lies;
let got: Buffer;
let before: ReturnType<typeof look>;

beforeEach(async () => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-lies-')));
  project = join(dir, 'project');
  make(project, {
    mine: 'for followers',
    'sub/also': 'for them too',
    ignored: 'my secret',
    'node_modules/x': 'another secret',
    '.git/config': 'a third secret',
  });
  make(dir, { outside: 'the secret!!!' });
  before = look(project);
  got = Buffer.alloc(0);
  lies = {
    hold: () => ({ capabilities: LINUX, isKnown: true, place: { bootId: 'other', path: '/root' } }),
    scan: () => SCANNED,
    names: () => ({ same: [] }),
    differing: () => [{ path: '', children: [] }],
    list: () => [],
    plan: body =>
      changesIn(body).flatMap(each =>
        each.op === 'write' ? [{ sha256: each.sha256, size: each.size }] : [],
      ),
    apply: () => ({ done: 1, bytes: 0, problems: [], failed: 0 }),
  };
  follower = await startFakeFollower('liar', dir);
  follower.intercept = (stream, headers) => {
    const [, call] = /^\/v1\/fences\/[^/]+\/(\w+)$/.exec(headers[':path'] ?? '') ?? [];
    if (call !== undefined) void answer(stream, call).catch(() => stream.destroy());
    return call !== undefined;
  };
});
afterEach(async () => {
  await follower.close();
  rmSync(dir, { recursive: true, force: true });
});

const changesIn = (body: string): Change[] =>
  body
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));

async function answer(stream: ServerHttp2Stream, call: string): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer);
    if (call === 'content') got = Buffer.concat([got, chunk as Buffer]);
  }
  if (stream.destroyed) return;
  stream.respond({ ':status': call === 'content' ? 204 : 200 });
  if (call === 'content') return void stream.end();
  const value = lies[call as keyof Lies](Buffer.concat(chunks).toString());
  if (call === 'hold') return void stream.write(`${JSON.stringify(value)}\n`);
  if (!isLines(value)) return void stream.end(JSON.stringify(value));
  const lines = function* () {
    for (const line of value) yield `${JSON.stringify(line)}\n`;
  };
  await pipeline(Readable.from(lines()), stream);
}

function isLines(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value;
}

async function sync() {
  const fence = await startFence({
    hosts: [follower.host],
    project,
    context: { stateDir: join(dir, 'leader'), timeoutMs: 20_000, start: false },
    ...STRICT,
  });
  return (await fence.results).liar!;
}
const untouched = () => expect(look(project)).toEqual(before);

test('one that plays along gets the files, and is not believed that it has them', async () => {
  const { state, error, sent } = await sync();
  expect({ state, code: error?.code, sent }).toEqual({
    state: 'error',
    code: 'AW_FENCE_INCOMPLETE',
    sent: 0,
  });
  expect(got.includes('for followers') && got.includes('for them too')).toBe(true);
  untouched();
});

test.each([
  ['an ignored file', { sha256: sha('my secret'), size: 9 }],
  ['a file in an ignored directory', { sha256: sha('another secret'), size: 14 }],
  ['a file of version control', { sha256: sha('a third secret'), size: 14 }],
  ['a file outside of the project', { sha256: sha('the secret!!!'), size: 13 }],
  ['more of a file than there is', { sha256: sha('for followers'), size: 14 }],
  ['less of it', { sha256: sha('for followers'), size: 1 }],
  ['nothing there is', { sha256: sha('x'), size: 1 }],
  ['a digest that is a path', { sha256: '../outside', size: 13 }],
])('content that it is not to have: %s', async (_, need) => {
  lies.plan = () => [need];
  const { error } = await sync();
  expect(error?.code).toBe('AW_PROTOCOL_GARBAGE');
  expect(got).toHaveLength(0);
  untouched();
});

test('the same content, again and again', async () => {
  const need = { sha256: sha('for followers'), size: 13 };
  lies.plan = () => [need, need];
  expect((await sync()).error?.code).toBe('AW_PROTOCOL_GARBAGE');
  expect(got).toHaveLength(0);
});

test('a file that became another one, or a link out, between the look and the sending', async () => {
  for (const become of ['other', 'link', 'gone', 'directory'] as const) {
    const file = join(project, 'mine');
    lies.plan = () => {
      renameSync(file, join(dir, 'aside'));
      if (become === 'other') writeFileSync(file, 'FOR FOLLOWERS');
      if (become === 'link') symlinkSync('../outside', file);
      if (become === 'directory') make(file, {});
      return [{ sha256: sha('for followers'), size: 13 }];
    };
    const { error } = await sync();
    expect([become, error?.code]).toEqual([become, 'AW_LEADER_UNSTABLE']);
    expect(got.includes('secret') || got.includes('FOR')).toBe(false);
    rmSync(file, { recursive: true, force: true });
    renameSync(join(dir, 'aside'), file);
  }
});

const endless = (line: unknown) => ({
  *[Symbol.iterator]() {
    for (;;) yield line;
  },
});
const digest = 'a'.repeat(64);
test.each<[string, Partial<Lies>]>([
  ['no listing of what differs', { scan: () => ({ ...SCANNED, digest }), differing: () => [] }],
  [
    'directories that are never listed',
    {
      scan: () => ({ ...SCANNED, digest }),
      differing: () => [{ path: '', children: [['sub', 'd', digest, false]] }],
      list: () => [{ path: 'elsewhere', children: [] }],
    },
  ],
  ['a listing without an end', { differing: () => endless({ path: 'x'.repeat(1_000_000), children: [] }) }],
  ['a line without an end', { differing: () => [{ path: 'x'.repeat(5_000_000), children: [] }] }],
  ['needs without an end', { plan: () => endless({ sha256: digest, size: 1, more: 'x'.repeat(1_000_000) }) }],
  ['no JSON', { plan: () => ['"', undefined] }],
  ['a node of another kind', { differing: () => [{ path: '', children: [['x', 'z', 1]] }] }],
  ['a size below nothing', { differing: () => [{ path: '', children: [['x', 'f', -1, digest, false]] }] }],
  ['a digest that is none', { scan: () => ({ ...SCANNED, digest: '../../etc' }) }],
  [
    'names that were not asked about',
    {
      names: () => ({ same: [['mine']] }),
      hold: () => ({ capabilities: { ...LINUX, caseSensitive: 'no' } }),
    },
  ],
])('answers that are none: %s', async (_, lie) => {
  Object.assign(lies, lie);
  const { state, error } = await sync();
  expect([state, error?.code]).toEqual([
    'error',
    expect.stringMatching(/^AW_(PROTOCOL_GARBAGE|FRAME_TOO_LARGE)$/),
  ]);
  untouched();
});

test('a tree of names that nobody can have is told to go away, by those names, and nothing more', async () => {
  const names = ['..', '.', '', 'a/b', '/etc', '__proto__', 'constructor', 'x\0y', '\u001b[2J'];
  lies.differing = () => [
    { path: '', children: names.map(name => [name, 'f', 1, digest, false]) },
    { path: '..', children: [['x', 'f', 1, digest, false]] },
    { path: '__proto__', children: [['x', 'd', digest, true]] },
  ];
  const { error } = await sync();
  expect(error?.code).toBe('AW_FENCE_INCOMPLETE');
  expect(error?.message).not.toContain('\u001b');
  untouched();
});

test('a tree that is deeper than any stack', async () => {
  const depth = 3_000;
  lies.differing = function* () {
    let path = '';
    for (let level = 0; level < depth; level++) {
      yield { path, children: [['d', 'd', digest, false]] };
      path = path === '' ? 'd' : `${path}/d`;
    }
  };
  const { state, error } = await sync();
  expect([state, error?.code]).toEqual(['error', expect.stringMatching(/^AW_/)]);
  untouched();
});

test('abilities that change from one fence to the next', async () => {
  make(project, { Mine: 'another' });
  before = look(project);
  for (const capabilities of [
    LINUX,
    { ...LINUX, caseSensitive: false },
    { ...LINUX, windowsNames: true, executable: false },
  ]) {
    lies.hold = () => ({ capabilities, isKnown: false, place: { bootId: 'x', path: '/root' } });
    lies.names = () => ({
      same: [
        ['mine', 'Mine'],
        ['..', '/'],
        ['ignored', 'x'],
      ],
    });
    expect((await sync()).error?.code).toBe('AW_FENCE_INCOMPLETE');
  }
  untouched();
});
