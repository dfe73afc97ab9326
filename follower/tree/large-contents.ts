/** Large contents that are put together from what there is of them, and what is missing. For one tree, in its thread. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { AwError, show } from '../../contract/errors.ts';
import { MOST_CHUNKS } from '../../contract/limits.ts';
import type { Change, Content, Missing, Recipe } from '../../contract/trees.ts';
import { type Assembly, assemble, missingOf } from './assemble.ts';
import { findBases, isLarge } from './basis.ts';
import { createChunkReader } from './chunk-reader.ts';
import type { ContentReader } from './content-frames.ts';
import { hashFile } from './hash-file.ts';
import type { DirectoryNode } from './node.ts';
import { createSafeRoot } from './safe-path.ts';
import type { Staging } from './staging.ts';

export interface LargeContents {
  /** What of a plan there is something to go by for. @param missing sizes, by digest */
  look(changes: readonly Change[], tree: DirectoryNode, missing: ReadonlyMap<string, number>): Content[];
  /**
   * Takes what it finds. The reader is for what it does not; then `finish`.
   * @throws AW_INVALID_REQUEST for what `look` has not named; the system's error; what `beforeChunk` throws
   */
  begin(recipes: readonly Recipe[]): { missing: Missing[]; reader: ContentReader };
  /** Stages what has become the content that it is to be. @returns what has not */
  finish(): Content[];
}

/**
 * @param root of the tree
 * @param beforeChunk what it throws ends the work
 */
export function createLargeContents(staging: Staging, root: string, beforeChunk: () => void): LargeContents {
  let bases: ReadonlyMap<string, string> = new Map();
  let known: ReadonlyMap<string, number> = new Map();
  let assemblies: Assembly[] = [];

  const basisOf = (sha256: string): string | undefined => {
    const path = bases.get(sha256);
    try {
      return path === undefined ? undefined : createSafeRoot(root).resolve(path);
    } catch {
      return undefined;
    }
  };
  const check = (recipes: readonly Recipe[]) => {
    const seen = new Set<string>();
    let chunks = 0;
    for (const recipe of recipes) {
      const { sha256, size } = recipe;
      chunks += recipe.chunks.length;
      if (known.get(sha256) !== size || seen.has(sha256)) {
        throw refused(`parts of ${show(sha256)}, which nobody has asked for`);
      }
      if (chunks > MOST_CHUNKS) throw refused('too many chunks at once');
      seen.add(sha256);
    }
  };
  const isFinished = ({ recipe: { sha256 }, part }: Assembly): boolean => {
    try {
      if (hashFile(part).sha256 !== sha256) throw new Error('it is not what it is to be');
      renameSync(part, staging.pathOf(sha256));
      return true;
    } catch {
      rmSync(part, { force: true, recursive: true });
      return false;
    }
  };

  return {
    look(changes, tree, missing) {
      bases = findBases(changes, tree, missing);
      known = new Map(
        [...missing].filter(
          ([sha256, size]) => isLarge(size) && (bases.has(sha256) || existsSync(staging.begunPath(sha256))),
        ),
      );
      assemblies = [];
      return [...known].map(([sha256, size]) => ({ sha256, size, basis: true }));
    },
    begin(recipes) {
      check(recipes);
      assemblies = recipes.map(recipe => {
        const { sha256 } = recipe;
        return assemble(recipe, staging.begunPath(sha256), basisOf(sha256), beforeChunk);
      });
      return { missing: assemblies.map(missingOf), reader: createChunkReader(assemblies) };
    },
    finish() {
      const failed = assemblies.filter(assembly => !isFinished(assembly));
      assemblies = [];
      return failed.map(({ recipe: { sha256, size } }) => ({ sha256, size }));
    },
  };
}

function refused(problem: string): AwError {
  return new AwError('AW_INVALID_REQUEST', { problem });
}
