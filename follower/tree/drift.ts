/** What has become of a tree since a fence has left it, for whoever has to find out who writes there. */
import { AwError, show } from '../../contract/errors.ts';
import type { Change } from '../../contract/trees.ts';
import { difference } from './diff.ts';
import { isRewritten, MOST_TEXTS, readText } from './line-endings.ts';
import { type DirectoryNode, nodeAt } from './node.ts';

export interface Drift {
  /** Some of the paths that are others; none when it is not known any more what was there. */
  paths: string[];
  count: number;
  /** They are files, and those that were looked at differ in nothing else. */
  onlyLineEndings: boolean;
}

export const NO_DRIFT: Drift = { paths: [], count: 0, onlyLineEndings: false };
const EXAMPLES = 3;

/** @param root where `now` is */
export function driftBetween(before: DirectoryNode, now: DirectoryNode, root: string): Drift {
  // As it would be undone.
  const { changes } = difference(now, before, false);
  const onlyLineEndings =
    changes.length > 0 &&
    changes.every(change => isRewrite(change, now)) &&
    changes.slice(0, MOST_TEXTS).every(change => {
      if (change.op !== 'write') return false;
      const text = readText(`${root}/${change.path}`);
      return text !== undefined && isRewritten(text, change.sha256);
    });
  const paths = changes
    .slice(0, EXAMPLES)
    .map(each => (each.op === 'respell' || each.op === 'move' ? each.to : each.path));
  return { paths, count: changes.length, onlyLineEndings };
}

/** Only the content is another. */
function isRewrite(change: Change, now: DirectoryNode): boolean {
  if (change.op !== 'write') return false;
  const there = nodeAt(now, change.path);
  return there?.kind === 'file' && there.executable === change.executable;
}

/** @param path of the root, as it is shown */
export function driftError(path: string, { paths, count, onlyLineEndings }: Drift): AwError {
  const more = count > paths.length ? ` and ${count - paths.length} more` : '';
  const files = `${paths.map(each => show(each)).join(', ')}${more}`;
  if (onlyLineEndings) return new AwError('AW_TREE_LINE_ENDINGS', { path, files });
  return new AwError('AW_TREE_DRIFTED', { path, what: paths.length === 0 ? '' : `: ${files}` });
}
