/** Which project a directory belongs to. */
import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The nearest ancestor of `cwd` (or itself) that holds `.agents/` or `.git`; else `cwd`. Absolute. */
export function findProject(cwd: string): string {
  const start = resolve(cwd);
  for (let directory = start; ; directory = dirname(directory)) {
    if (isDirectory(join(directory, '.agents')) || exists(join(directory, '.git'))) return directory;
    if (directory === dirname(directory)) return start;
  }
}

/** In a linked worktree or a submodule `.git` is a file. */
function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
