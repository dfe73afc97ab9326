/** Names the leader tells apart and the follower does not. */
import { AwError, show } from '../../contract/errors.ts';
import { foldName, formatAbsolute, segmentsBelow } from './absolute-path.ts';
import { type PathRules, parseLeader } from './rules.ts';

/**
 * Refuses a leader directory when one of its names below the mapped prefix has a sibling that the follower's
 * filesystem would take for the same name: which of the two the command would run in cannot be known.
 *
 * @param siblings the names in a leader directory; asked only for followers whose usual filesystem folds names.
 * @throws AW_CWD_CASE_AMBIGUOUS naming both.
 */
export function refuseCaseTwins(
  rules: PathRules,
  leaderPath: string,
  siblings: (directory: string) => Iterable<string>,
): void {
  if (rules.os === 'linux') return;
  const path = parseLeader(leaderPath);
  const prefix = rules.pairs
    .map(pair => parseLeader(pair.leader))
    .find(candidate => segmentsBelow('linux', candidate, path) !== undefined);
  if (prefix === undefined) return;
  for (let depth = prefix.segments.length; depth < path.segments.length; depth++) {
    const name = path.segments[depth]!;
    const folded = foldName(rules.os, name);
    const directory = formatAbsolute('linux', { root: '/', segments: path.segments.slice(0, depth) });
    for (const sibling of siblings(directory)) {
      if (sibling === name || foldName(rules.os, sibling) !== folded) continue;
      throw new AwError('AW_CWD_CASE_AMBIGUOUS', {
        cwd: show(leaderPath, 4096),
        os: rules.os,
        first: show(name),
        second: show(sibling),
      });
    }
  }
}
