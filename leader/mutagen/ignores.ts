/** What Mutagen must not see of a tree, in its own syntax: all that is no part of the tree to the embedded engine either. */
import type { Exclusion } from '../../contract/trees.ts';
import { TEMPORARY_PREFIX, VCS_DIRECTORIES } from '../../follower/tree/protected-names.ts';

/**
 * @param patterns of the project
 * @param excluded what the follower cannot have: Mutagen would try, and on some file systems without end
 */
export function mutagenIgnores(
  patterns: readonly string[],
  excluded: readonly Pick<Exclusion, 'path'>[],
): string[] {
  return [
    ...patterns,
    // Behind all that could take them back.
    ...excluded.map(({ path }) => `/${path.replace(/[*?[\]{}\\]/g, '\\$&')}`),
    ...VCS_DIRECTORIES,
    `${TEMPORARY_PREFIX}*`,
  ];
}
