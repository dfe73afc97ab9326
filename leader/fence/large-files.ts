/** Large contents that a follower has something like: of each only the chunks are sent that are nowhere there. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import { MOST_CHUNKS } from '../../contract/limits.ts';
import type { Content, Missing, Recipe } from '../../contract/trees.ts';
import type { Thread } from '../../follower/tree/thread.ts';
import { garbage } from '../follower-http.ts';
import type { FollowerFence } from './follower-fence.ts';
import { portions, readAhead } from './portions.ts';
import type { Piece } from './recipe.ts';
import type { LeaderTreeMethods } from './tree-worker.ts';

/** Bytes that are read at one go, but for a chunk that is longer. */
const PORTION = 1024 * 1024;
/** Chunks of files that are kept for the next follower: as recipes, some 10 MB. */
const KEPT_CHUNKS = 100_000;

/** The large files of a tree. */
export interface LargeFiles {
  /** @throws AW_LEADER_UNSTABLE */
  recipe(content: Content): Promise<Recipe | undefined>;
  /** @throws AW_LEADER_UNSTABLE */
  pieces(sha256: string, pieces: Piece[]): Promise<Uint8Array>;
}

/** Recipes by content, as they are made: hosts that ask at once wait for the same. */
export type RecipeCache = Map<string, Promise<Recipe | undefined>>;

/** @param paths below `root`, by digest */
export function largeFiles(
  root: string,
  paths: ReadonlyMap<string, string>,
  thread: Thread<LeaderTreeMethods>,
  cache: RecipeCache,
): LargeFiles {
  const fileOf = async (sha256: string) => {
    const path = paths.get(sha256);
    if (path === undefined) throw new AwError('AW_LEADER_UNSTABLE', { path: show(sha256) });
    return join(await realpath(root), path);
  };
  return {
    recipe: async ({ sha256, size }) => {
      const known = cache.get(sha256);
      if (known !== undefined) return known;
      const made = fileOf(sha256).then(file => thread.call('recipe', { file, sha256, size }));
      cache.set(sha256, made);
      made.then(
        () => forget(cache),
        () => cache.delete(sha256),
      );
      return made;
    },
    pieces: async (sha256, pieces) => thread.call('pieces', await fileOf(sha256), pieces),
  };
}

/** The oldest go. */
async function forget(cache: RecipeCache): Promise<void> {
  let chunks = 0;
  for (const [sha256, made] of [...cache].reverse()) {
    chunks += (await made.catch(() => undefined))?.chunks.length ?? 1;
    if (chunks > KEPT_CHUNKS) cache.delete(sha256);
  }
}

/**
 * @returns what is still to be sent as a whole
 * @throws AW_PROTOCOL_GARBAGE, AW_LEADER_UNSTABLE, and what the connection throws
 */
export async function sendChunks(
  fence: Pick<FollowerFence, 'recipes' | 'chunks'>,
  files: LargeFiles,
  wanted: readonly Content[],
): Promise<Content[]> {
  const whole: Content[] = [];
  let recipes: Recipe[] = [];
  let chunks = 0;
  const send = async () => {
    if (recipes.length > 0) whole.push(...(await sendMissing(fence, files, recipes)));
    recipes = [];
    chunks = 0;
  };
  for (const { sha256, size } of wanted) {
    const recipe = await files.recipe({ sha256, size });
    if (recipe === undefined) {
      whole.push({ sha256, size });
      continue;
    }
    if (chunks + recipe.chunks.length > MOST_CHUNKS) await send();
    recipes.push(recipe);
    chunks += recipe.chunks.length;
  }
  await send();
  return whole;
}

async function sendMissing(
  fence: Pick<FollowerFence, 'recipes' | 'chunks'>,
  files: LargeFiles,
  recipes: readonly Recipe[],
): Promise<Content[]> {
  const missing = await fence.recipes(recipes);
  if (missing.length !== recipes.length) throw garbage('it does not say what of each file it lacks');
  const pieces = recipes.map((recipe, index) => ({
    sha256: recipe.sha256,
    pieces: missingPieces(recipe, missing[index]!),
  }));
  const chunks = readAhead(portionsOf(pieces), ([sha256, portion]) => files.pieces(sha256, portion));
  const failed = await fence.chunks(chunks);
  const sizes = new Map(recipes.map(({ sha256, size }) => [sha256, size]));
  return failed.map(({ sha256 }) => {
    const size = sizes.get(sha256);
    if (size === undefined) throw garbage('it asks for content that it has not been told of');
    sizes.delete(sha256);
    return { sha256, size };
  });
}

/** @throws AW_PROTOCOL_GARBAGE when ranges are not within the recipe, and ascending */
export function missingPieces({ sha256, chunks }: Recipe, missing: Missing): Piece[] {
  if (missing.sha256 !== sha256) throw garbage('it lacks parts of another file');
  const pieces: Piece[] = [];
  let position = 0;
  let index = 0;
  for (const [from, to] of missing.ranges) {
    if (from < index || to <= from || to > chunks.length) {
      throw garbage(`it lacks chunks ${from} to ${to} of ${chunks.length}`);
    }
    for (; index < to; index++) {
      const [digest, length] = chunks[index]!;
      if (index >= from) pieces.push({ position, length, sha256: digest });
      position += length;
    }
  }
  return pieces;
}

function* portionsOf(
  all: readonly { sha256: string; pieces: readonly Piece[] }[],
): Generator<[sha256: string, portion: Piece[]]> {
  for (const { sha256, pieces } of all) {
    for (const portion of portions(pieces, ({ length }) => length, PORTION)) yield [sha256, portion];
  }
}
