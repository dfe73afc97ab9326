/** Large files: what a follower has of them already does not travel again, and what it makes of them is theirs byte for byte. */
import { createCipheriv, createHash, randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwError } from '../../contract/errors.ts';
import type { Change, Recipe } from '../../contract/trees.ts';
import { makeRecipe } from '../../leader/fence/recipe.ts';
import { type Cut, cutAfter } from '../support/cut.ts';
import { eventually } from '../support/fleet.ts';
import { type Ground, makeGround, read } from './ground.ts';

const LIMIT = 300_000;
const MIB = 1024 * 1024;
/** What a change of a few bytes may cost, with the list of all chunks. */
const LITTLE = 1.5 * MIB;

/** Bytes that nothing makes smaller, the same for the same seed. */
function noise(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const write = (path: string, content: Buffer): Change => ({
  op: 'write',
  path,
  size: content.length,
  sha256: sha(content),
  executable: false,
});

let ground: Ground;
let project: (path: string) => string;
let root: (path: string) => string;
beforeAll(async () => {
  ground = await makeGround();
  project = path => join(ground.project, path);
  root = path => join(ground.root, path);
});
afterAll(() => ground.close());
beforeEach(() => ground.reset({}));

const cuts: Cut[] = [];
afterEach(async () => {
  for (const cut of cuts.splice(0)) await cut.stop();
});
async function cutAt(bytes: number): Promise<Cut> {
  const { endpoint } = ground.agent;
  if (endpoint.kind !== 'socket') throw new Error('not a socket');
  const cut = await cutAfter(endpoint.path, bytes);
  cuts.push(cut);
  return cut;
}

/** A fence that is to succeed. @returns bytes that went to the follower, all told */
async function traffic(): Promise<number> {
  const link = await cutAt(Number.POSITIVE_INFINITY);
  const { state, error, sent } = await ground.sync({ port: link.port });
  expect([state, error]).toEqual(['consistent', undefined]);
  expect(read(ground.root)).toEqual(read(ground.project));
  expect(ground.leftovers()).toEqual([]);
  expect(sent).toBeLessThan(link.passed());
  return link.passed();
}

describe('a file that has changed', { timeout: LIMIT }, () => {
  const SIZE = 24 * MIB;
  const old = noise('old', SIZE);
  beforeEach(async () => {
    writeFileSync(project('big'), old);
    expect(await traffic()).toBeGreaterThan(SIZE);
  });

  test.each<[string, () => Buffer]>([
    ['in the middle', () => Buffer.from(old).fill('changed ', SIZE / 2, SIZE / 2 + 1024)],
    ['by an insertion at its front', () => Buffer.concat([noise('front', 1000), old])],
    ['by what is gone from its front', () => old.subarray(777)],
    ['at its end', () => Buffer.concat([old, noise('end', 5000)])],
    ['in the order of its parts', () => Buffer.concat([old.subarray(SIZE / 3), old.subarray(0, SIZE / 3)])],
    ['to a part of it', () => old.subarray(SIZE / 4, SIZE / 2)],
    ['to itself, twice', () => Buffer.concat([old, old])],
  ])('%s', async (_, content) => {
    writeFileSync(project('big'), content());
    expect(await traffic()).toBeLessThan(LITTLE);
    expect(readFileSync(root('big')).equals(content())).toBe(true);
  });

  test('and its name, too', async () => {
    rmSync(project('big'));
    writeFileSync(project('other'), Buffer.concat([noise('front', 1000), old]));
    writeFileSync(project('small'), 'x');
    expect(await traffic()).toBeLessThan(LITTLE);
  });

  test('altogether', async () => {
    writeFileSync(project('big'), noise('new', SIZE));
    expect(await traffic()).toBeGreaterThan(SIZE);
  });

  test('to one with holes', async () => {
    writeFileSync(project('big'), old.subarray(0, 2 * MIB));
    truncateSync(project('big'), 70 * MIB);
    appendFileSync(project('big'), 'end');
    expect(await traffic()).toBeLessThan(LITTLE);
    expect(statSync(root('big')).blocks * 512).toBeLessThan(10 * MIB);
  });

  test('and stands in the way as something else on the follower', async () => {
    rmSync(root('big'));
    writeFileSync(root('big'), 'small now');
    expect(await traffic()).toBeGreaterThan(SIZE);
  });
});

describe('a transfer that is cut', { timeout: LIMIT }, () => {
  const SIZE = 40 * MIB;
  const content = noise('cut', SIZE);
  /** What is there of it already, of a fence that did not come to its end. */
  const begun = () => {
    const [name, ...others] = ground.leftovers();
    expect([name, others]).toEqual([`${sha(content)}.begun`, []]);
    return join(staging(), name!);
  };
  const staging = () => {
    const trees = join(ground.dir, 'agent', 'trees');
    const [found] = readdirSync(trees).filter(name => readdirSync(join(trees, name)).includes('staging'));
    return join(trees, found!, 'staging');
  };
  beforeEach(() => writeFileSync(project('big'), content));

  const cutOnce = async (bytes: number) => {
    const { port } = await cutAt(bytes);
    const { state, error } = await ground.sync({ port });
    expect([state, error?.code]).toEqual([
      'error',
      expect.stringMatching(/^AW_(HOST_UNREACHABLE|FOLLOWER_LOST)$/),
    ]);
    await eventually(() => ground.leftovers().length > 0, 'what has come is there');
  };

  test('goes on at what has come, as often as that is', async () => {
    await cutOnce(30 * MIB);
    expect(await traffic()).toBeLessThan(SIZE - 28 * MIB);
    expect(readFileSync(root('big')).equals(content)).toBe(true);
  });

  test('a second time, in the middle of what is missing', async () => {
    await cutOnce(15 * MIB);
    begun();
    await cutOnce(10 * MIB);
    expect(await traffic()).toBeLessThan(SIZE - 20 * MIB);
  });

  test('goes on after the agent was killed, too', async () => {
    const syncing = ground.sync();
    await eventually(() => {
      const [name] = ground.leftovers();
      return (
        name !== undefined && statSync(join(staging(), name), { throwIfNoEntry: false })!.size > 10 * MIB
      );
    }, 'some has come');
    ground.agent.child.kill('SIGKILL');
    expect(await syncing).toMatchObject({ state: 'error' });
    await ground.restartAgent();
    expect(await traffic()).toBeLessThan(SIZE - 8 * MIB);
  });

  test('believes nothing of what it finds there', async () => {
    await cutOnce(30 * MIB);
    const file = openSync(begun(), 'r+');
    for (const position of [100, 3 * MIB, 5 * MIB]) writeSync(file, 'not what has come', position);
    closeSync(file);
    expect(await traffic()).toBeLessThan(SIZE - 26 * MIB);
  });

  test('is forgotten when it is wanted no more', async () => {
    await cutOnce(20 * MIB);
    begun();
    writeFileSync(project('big'), 'something else');
    expect(await traffic()).toBeLessThan(MIB);
  });
});

describe('step by step', { timeout: LIMIT }, () => {
  const old = noise('step', 6 * MIB);
  const now = Buffer.concat([noise('before', 3000), old]);
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'nothing',
      (error: AwError) => error.code,
    );
  let recipe: Recipe;
  beforeEach(async () => {
    writeFileSync(root('big'), old);
    writeFileSync(project('big'), now);
    recipe = (await makeRecipe({ file: project('big'), sha256: sha(now), size: now.length }))!;
  });
  const planned = async () => {
    const fence = await ground.hold({ id: randomUUID() });
    await fence.scan({ patterns: [], rehash: false });
    expect(await fence.plan([write('big', now)])).toEqual([
      { sha256: sha(now), size: now.length, basis: true },
    ]);
    return fence;
  };
  const first = () => now.subarray(0, recipe.chunks[0]![1]);

  test('a basis that has become another file meanwhile only means that more is missing', async () => {
    const fence = await planned();
    writeFileSync(root('big'), noise('another', 6 * MIB));
    expect(await fence.recipes([recipe])).toEqual([
      { sha256: sha(now), ranges: [[0, recipe.chunks.length]] },
    ]);
  });

  test('a link that has taken the place of a basis is not followed', async () => {
    const fence = await planned();
    renameSync(root('big'), join(ground.outside, 'big'));
    symlinkSync(join(ground.outside, 'big'), root('big'));
    expect(await fence.recipes([recipe])).toEqual([
      { sha256: sha(now), ranges: [[0, recipe.chunks.length]] },
    ]);
  });

  test('what has not become the content in the end is to be sent whole, and what has is staged', async () => {
    const fence = await planned();
    const [{ ranges } = { ranges: [] }] = await fence.recipes([recipe]);
    expect(ranges).toEqual([[0, 1]]);
    const wrong = Buffer.alloc(first().length, 'wrong');
    expect(await fence.chunks(Readable.from([wrong]))).toEqual([{ sha256: sha(now), size: now.length }]);
    expect(ground.leftovers()).toEqual([]);
    await fence.recipes([recipe]);
    expect(await fence.chunks(Readable.from([first()]))).toEqual([]);
    expect(ground.leftovers()).toEqual([sha(now)]);
    expect(await fence.apply()).toMatchObject({ done: 1, problems: [] });
    expect(readFileSync(root('big')).equals(now)).toBe(true);
  });

  test.each<[string, (recipe: Recipe) => unknown]>([
    ['of another size', ({ chunks, ...rest }) => ({ ...rest, chunks: chunks.slice(1) })],
    ['of content that nobody has asked for', each => ({ ...each, sha256: sha(old) })],
    ['twice', each => [each, each]],
    ['cut in another way', each => ({ ...each, bits: 40 })],
    ['with a chunk of nothing', each => ({ ...each, chunks: [[sha(old), 0], ...each.chunks] })],
    ['with a chunk without an end', each => ({ ...each, size: 2 ** 50, chunks: [[sha(old), 2 ** 50]] })],
  ])('a recipe %s is refused', async (_, change) => {
    const fence = await planned();
    expect(await codeOf(fence.recipes([change(recipe)].flat() as Recipe[]))).toBe('AW_INVALID_REQUEST');
    expect(ground.leftovers()).toEqual([]);
  });

  test('chunks that are more, or less, than is missing are refused', async () => {
    const fence = await planned();
    await fence.recipes([recipe]);
    const more = Readable.from([first(), Buffer.from('more')]);
    expect(await codeOf(fence.chunks(more))).toBe('AW_INVALID_REQUEST');
    await fence.recipes([recipe]);
    expect(await codeOf(fence.chunks(Readable.from([first().subarray(1)])))).toBe('AW_INVALID_REQUEST');
    expect(await codeOf(fence.recipes([recipe]))).toBe('nothing');
  });
});
