/**
 * What a follower is to have of a tree: all of it, but for what its file system cannot hold. Decided on the leader, from the
 * tree and the abilities alone, so that it is the same on every follower of a kind and at every fence: nothing is won or lost
 * by the order in which files happen to arrive.
 */
import type { Capabilities, Exclusion } from '../../contract/trees.ts';
import { foldedName } from './fold.ts';
import { type DirectoryNode, directory, isPart, type TreeNode } from './node.ts';
import { problemOf } from './portability.ts';
import { compareUtf8 } from './utf8-order.ts';

const NONE: ReadonlyMap<string, string> = new Map();

export interface Projection {
  tree: DirectoryNode;
  /** In canonical order. What stood below an excluded directory is not listed by itself. */
  excluded: Exclusion[];
}

/**
 * @param areSame whether the file system takes two names, whose folded forms are equal, for one. It knows best; without an
 * answer of its own they count as the same.
 */
export function project(
  tree: DirectoryNode,
  capabilities: Capabilities,
  areSame: (one: string, other: string) => boolean = () => true,
): Projection {
  const excluded: Exclusion[] = [];
  const folds = !capabilities.caseSensitive || !capabilities.normalizationSensitive;

  const projectDirectory = (node: DirectoryNode, at: string): DirectoryNode => {
    const fitting: [string, TreeNode][] = [];
    const here: Exclusion[] = [];
    const pathOf = (name: string) => (at === '' ? name : `${at}/${name}`);
    for (const [name, child] of node.children) {
      if (!isPart(child)) continue;
      const problem = problemOf(name, child, capabilities);
      if (problem === undefined) fitting.push([name, child]);
      else here.push({ path: pathOf(name), ...problem });
    }
    const losers = folds
      ? collisions(
          fitting.map(([name]) => name),
          areSame,
        )
      : NONE;
    for (const [name, winner] of losers) {
      const detail = `the same name as ${JSON.stringify(winner)} there`;
      here.push({ path: pathOf(name), code: 'name-collision', detail });
    }
    excluded.push(...here);
    const kept = fitting
      .filter(([name]) => !losers.has(name))
      .map(([name, child]): [string, TreeNode] => [
        name,
        child.kind === 'directory' ? projectDirectory(child, pathOf(name)) : withoutMode(child, capabilities),
      ]);
    const isSame =
      kept.length === node.children.size && kept.every(([name, child]) => child === node.children.get(name));
    return isSame ? node : directory(kept);
  };
  const projected = projectDirectory(tree, '');
  return { tree: projected, excluded: excluded.sort((one, other) => compareUtf8(one.path, other.path)) };
}

function withoutMode(node: TreeNode, { executable }: Capabilities): TreeNode {
  return node.kind === 'file' && node.executable && !executable ? { ...node, executable: false } : node;
}

/** Loser -> winner. Of names that are one there, the first in canonical order is the one; directories do not merge. */
function collisions(
  names: readonly string[],
  areSame: (one: string, other: string) => boolean,
): Map<string, string> {
  const winners = new Map<string, string[]>();
  const losers = new Map<string, string>();
  for (const name of names) {
    const key = foldedName(name);
    const rivals = winners.get(key) ?? [];
    const winner = rivals.find(rival => areSame(rival, name));
    if (winner === undefined) winners.set(key, [...rivals, name]);
    else losers.set(name, winner);
  }
  return losers;
}

/** The groups of sibling names that some file system may take for one, for it to be asked. Each at least two. */
export function doubtfulNames(tree: DirectoryNode): string[][] {
  const groups = new Map<string, string[]>();
  const visit = (node: DirectoryNode) => {
    const byKey = new Map<string, string[]>();
    for (const [name, child] of node.children) {
      const key = foldedName(name);
      byKey.set(key, [...(byKey.get(key) ?? []), name]);
      if (child.kind === 'directory') visit(child);
    }
    for (const names of byKey.values()) {
      if (names.length > 1) groups.set(names.join('/'), names);
    }
  };
  visit(tree);
  return [...groups.values()];
}
