/** Paths from the wire never leave the root, whatever stands there now. */
import { lstatSync } from 'node:fs';
import { AwError, show } from '../../contract/errors.ts';
import { windowsNameProblem } from '../path-mapping/windows-names.ts';
import { TEMPORARY_PREFIX, vcsAliasOf } from './protected-names.ts';

/** @throws AW_TREE_PATH for a path that no leader has a reason to name */
export function checkTreePath(path: string, platform: NodeJS.Platform = process.platform): void {
  const refuse = (reason: string) => new AwError('AW_TREE_PATH', { path: show(path), reason });
  if (path.includes('\0')) throw refuse('it holds a NUL byte');
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..') throw refuse('it is not a plain path below the root');
    if (vcsAliasOf(name) !== undefined) throw refuse('it leads into a version control directory');
    if (name.toLowerCase().startsWith(TEMPORARY_PREFIX)) throw refuse('its name is kept for temporary files');
    // Node speaks to Windows in a way that lets it make what no other program can open, and streams of files.
    const problem = platform === 'win32' ? windowsNameProblem(name) : undefined;
    if (problem !== undefined) throw refuse(`a name in it ${problem}`);
  }
}

/** What stood in the way of one path. */
export class PathError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * A view of a root in which no step of a path is a link: whatever was planted there, nothing is written through it. Remembers
 * the directories it has seen, so it is for one piece of work; who changes directories behind its back `forgets` them.
 */
export function createSafeRoot(root: string) {
  const seen = new Set<string>();
  const checkDirectory = (path: string): void => {
    if (path === '' || seen.has(path)) return;
    checkDirectory(parentOf(path));
    const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (stats === undefined) throw new PathError('ENOENT', `${path} does not exist`);
    if (!stats.isDirectory()) throw new PathError('ENOTDIR', `${path} is no directory`);
    seen.add(path);
  };
  return {
    /** Absolute, with every directory on the way known to be one. @throws PathError */
    resolve: (path: string): string => {
      checkDirectory(parentOf(path));
      return `${root}/${path}`;
    },
    forget: (): void => seen.clear(),
  };
}
export type SafeRoot = ReturnType<typeof createSafeRoot>;

/** The path of the directory it is in; '' for the root. */
export function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end < 0 ? '' : path.slice(0, end);
}
