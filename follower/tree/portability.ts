/** What keeps one name, or one link, from being on a file system of certain abilities. Pure. */
import type { Capabilities, ExclusionCode } from '../../contract/trees.ts';
import { windowsNameProblem } from '../path-mapping/windows-names.ts';
import type { TreeNode } from './node.ts';
import { vcsAliasOf } from './protected-names.ts';

export interface Problem {
  code: ExclusionCode;
  /** For a person. */
  detail: string;
}

const LONGEST_NAME = 255;

export function problemOf(name: string, node: TreeNode, capabilities: Capabilities): Problem | undefined {
  return nameProblem(name, capabilities) ?? linkProblem(node, capabilities);
}

function nameProblem(name: string, { windowsNames, nameUnit }: Capabilities): Problem | undefined {
  // On every follower: what is harmless on one disk may be copied to another.
  const alias = vcsAliasOf(name);
  if (alias !== undefined) return { code: 'git-alias', detail: `some file systems take it for ${alias}` };
  const length = nameUnit === 'byte' ? Buffer.byteLength(name) : name.length;
  if (length > LONGEST_NAME) {
    const unit = nameUnit === 'byte' ? 'bytes' : 'UTF-16 units';
    return { code: 'name-too-long', detail: `${length} ${unit}; ${LONGEST_NAME} are allowed there` };
  }
  const problem = windowsNames ? windowsNameProblem(name) : undefined;
  if (problem === undefined) return undefined;
  return { code: windowsCode(name, problem), detail: problem };
}

function windowsCode(name: string, problem: string): ExclusionCode {
  if (problem.startsWith('contains')) return 'illegal-character';
  return /[. ]$/.test(name) ? 'trailing-dot-or-space' : 'reserved-name';
}

function linkProblem(node: TreeNode, { symlinks, windowsNames }: Capabilities): Problem | undefined {
  if (node.kind !== 'symlink') return undefined;
  if (!symlinks) return { code: 'symlink-unsupported', detail: 'symbolic links cannot be made there' };
  if (windowsNames && (node.target.startsWith('/') || /[\\:]/.test(node.target))) {
    return {
      code: 'symlink-target-unportable',
      detail: `its target ${JSON.stringify(node.target)} means something else there`,
    };
  }
  return undefined;
}
