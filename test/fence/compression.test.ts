/** To another machine, what is sent travels compressed; a leader that lies about what it becomes is refused. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { AwError } from '../../contract/errors.ts';
import { frameHeader } from '../../follower/tree/content-frames.ts';
import { createRequester } from '../../leader/follower-http.ts';
import { type Files, type Ground, look, makeGround, read } from './ground.ts';

const LIMIT = 300_000;
const MIB = 1024 * 1024;
const here = vi.hoisted(() => ({ bootId: 'another machine' }));
vi.mock('../../leader/fence/boot.ts', () => ({ bootId: () => here.bootId }));

let ground: Ground;
beforeAll(async () => {
  ground = await makeGround();
});
afterAll(() => ground.close());

/** Some that become smaller and some that do not, small ones and large ones. */
const noise = randomBytes(3 * MIB);
const files: Files = { noise: noise.toString('latin1'), text: 'one line again and again\n'.repeat(200_000) };
for (let index = 0; index < 300; index++) files[`d/${index}`] = `text ${index}\n`.repeat(300);
beforeEach(() => {
  here.bootId = 'another machine';
  ground.reset(files);
  writeFileSync(join(ground.project, 'noise'), noise);
});

test('contents, plans and lists of chunks, and all is equal', { timeout: LIMIT }, async () => {
  const first = await ground.sync();
  expect(first).toMatchObject({ state: 'consistent' });
  expect(first.sent).toBeLessThan(noise.length + MIB);
  expect(read(ground.root)).toEqual(read(ground.project));
  expect(await ground.sync()).toMatchObject({ state: 'consistent', changes: 0, sent: 0 });

  const changed = Buffer.concat([Buffer.from('x'), noise]);
  writeFileSync(join(ground.project, 'noise'), changed);
  const { state, sent } = await ground.sync();
  expect(state).toBe('consistent');
  expect(sent).toBeLessThan(MIB);
  expect(readFileSync(join(ground.root, 'noise')).equals(changed)).toBe(true);
});

test('within one machine nothing is', { timeout: LIMIT }, async () => {
  const { place, release } = await ground.hold();
  release();
  here.bootId = place.bootId;
  const { state, sent } = await ground.sync();
  expect([state, sent > 8 * MIB]).toEqual(['consistent', true]);
});

test('what is not what it says, becomes more than was asked for, or has no end', async () => {
  const fence = await ground.hold({ id: 'lies' });
  const before = look(ground.root);
  const wanted = Buffer.alloc(MIB);
  const sha256 = createHash('sha256').update(wanted).digest('hex');
  await fence.plan([{ op: 'write', path: 'x', size: wanted.length, sha256, executable: false }]);
  const requester = createRequester(ground.agent.session, { fault: undefined } as never, {});
  const send = (body: Buffer, encoding: string, call = 'content') =>
    requester
      .done({
        method: 'POST',
        path: `/v1/fences/lies/${call}`,
        source: Readable.from([body]),
        encoding,
        timeoutMs: 60_000,
      })
      .then(
        () => 'taken',
        (error: AwError) => error.code,
      );
  const frame = Buffer.concat([frameHeader(sha256, wanted.length), wanted]);
  expect(await send(frame, 'gzip')).toBe('AW_INVALID_REQUEST');
  expect(await send(frame, 'zstd')).toBe('AW_INVALID_REQUEST');
  const compressed = zstdCompressSync(frame);
  expect(await send(compressed.subarray(0, -1), 'zstd')).toBe('AW_INVALID_REQUEST');
  // A quarter of a gigabyte of a few kilobytes.
  const bomb = zstdCompressSync(Buffer.alloc(2 ** 28));
  for (const call of ['content', 'chunks', 'recipes', 'plan']) {
    expect([call, await send(bomb, 'zstd', call)]).toEqual([
      call,
      expect.stringMatching(/^AW_(INVALID_REQUEST|FRAME_TOO_LARGE)$/),
    ]);
  }
  expect(look(ground.root)).toEqual(before);
});
