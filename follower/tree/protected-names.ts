/**
 * Names that no tree may bring to a follower: the directory of a version control system holds programs that it runs, and a
 * file system that folds names has more than one spelling for it (as git's core.protectNTFS and core.protectHFS know).
 */

export const VCS_DIRECTORIES: readonly string[] = ['.git', '.hg', '.svn', '.bzr', '_darcs', '.jj'];
const VCS = new Set(VCS_DIRECTORIES);

/** Code points that HFS+ leaves out when it compares names. */
const HFS_IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** What begins with this was made by a fence that has not ended, or by one that never will. */
export const TEMPORARY_PREFIX = '.aw-temporary-';

/** Directories, and the file of that name which a worktree or a submodule has in its place. */
export function isVcsDirectory(name: string): boolean {
  return VCS.has(name);
}

/** The version control directory that some file system takes this name for; also where it is that name. */
export function vcsAliasOf(name: string): string | undefined {
  const stem = name
    .replace(HFS_IGNORED, '')
    .replace(/:.*$/s, '')
    .replace(/[. ]+$/, '')
    .toLowerCase();
  const [, short] = /^(.+)~\d+$/.exec(stem) ?? [];
  return [stem, `.${short}`].find(alias => VCS.has(alias));
}
