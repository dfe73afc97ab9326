/** One end of a fake session: looks at a root and changes it, as Mutagen's agent does, in none of the product's ways. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import picomatch from 'picomatch';

export interface Rules {
  paths: string[];
  vcs: boolean;
  symlink: 'ignore' | 'portable' | 'posix-raw';
}

export type Entry =
  | { kind: 'directory' }
  | { kind: 'file'; content: string; executable: boolean }
  | { kind: 'symlink'; target: string };

export interface Problem {
  path: string;
  error: string;
}

export interface Snapshot {
  /** By path, parents first. */
  entries: Record<string, Entry>;
  problems: Problem[];
}

export type Operation = { path: string; remove: true } | { path: string; put: Entry };

export interface Outcome {
  problems: Problem[];
  /** Directories that are kept for what is ignored in them. */
  kept: string[];
}

const VCS = ['.git', '.svn', '.hg', '.bzr', '_darcs'];

export function scan(root: string, rules: Rules): Snapshot {
  const isIgnored = matcher(rules);
  const found: Snapshot = { entries: {}, problems: [] };
  const visit = (at: string) => {
    for (const name of readdirSync(join(root, at)).sort()) {
      const path = at === '' ? name : `${at}/${name}`;
      const full = join(root, path);
      const stat = lstatSync(full);
      if (name.startsWith('.mutagen-temporary-') || isIgnored(path, stat.isDirectory())) continue;
      if (stat.isDirectory()) {
        found.entries[path] = { kind: 'directory' };
        visit(path);
      } else if (stat.isSymbolicLink()) {
        const target = readlinkSync(full);
        if (rules.symlink === 'ignore') continue;
        if (rules.symlink === 'portable' && !isPortable(path, target)) {
          found.problems.push({ path, error: 'invalid symbolic link: absolute or escaping' });
        } else found.entries[path] = { kind: 'symlink', target };
      } else if (stat.isFile()) {
        const executable = (stat.mode & 0o100) !== 0;
        found.entries[path] = { kind: 'file', content: readFileSync(full, 'base64'), executable };
      }
    }
  };
  visit('');
  return found;
}

/** In the order given; a failure of one is a problem of its path, and the others go on. */
export function apply(root: string, operations: readonly Operation[]): Outcome {
  const outcome: Outcome = { problems: [], kept: [] };
  for (const operation of operations) {
    const full = join(root, operation.path);
    try {
      if ('remove' in operation) remove(full);
      else put(full, operation.put);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOTEMPTY') outcome.kept.push(operation.path);
      else outcome.problems.push({ path: operation.path, error: message });
    }
  }
  return outcome;
}

function remove(full: string): void {
  if (lstatSync(full).isDirectory()) rmdirSync(full);
  else unlinkSync(full);
}

function put(full: string, entry: Entry): void {
  if (entry.kind === 'directory') return void mkdirSync(full, { mode: 0o700 });
  const draft = join(dirname(full), `.mutagen-temporary-${process.pid}`);
  if (entry.kind === 'symlink') symlinkSync(entry.target, draft);
  else {
    writeFileSync(draft, Buffer.from(entry.content, 'base64'));
    chmodSync(draft, entry.executable ? 0o700 : 0o600);
  }
  renameSync(draft, full);
}

function isPortable(path: string, target: string): boolean {
  return !target.startsWith('/') && !normalize(join(dirname(path), target)).startsWith('..');
}

/** In order, the last that matches decides. */
function matcher({ paths, vcs }: Rules): (path: string, isDirectory: boolean) => boolean {
  const patterns = paths.map(text => {
    const isNegated = text.startsWith('!');
    const body = isNegated ? text.slice(1) : text;
    const glob = body.replace(/^\//, '').replace(/\/$/, '');
    const matches = picomatch(glob, { dot: true, nocase: false, nonegate: true, noextglob: true });
    const isAnchored = body.startsWith('/') || glob.includes('/');
    return { isNegated, isAnchored, matches, forDirectories: body.endsWith('/') };
  });
  return (path, isDirectory) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (vcs && isDirectory && VCS.includes(name)) return true;
    const last = patterns.findLast(
      each =>
        (isDirectory || !each.forDirectories) &&
        (each.matches(path) || (!each.isAnchored && each.matches(name))),
    );
    return last !== undefined && !last.isNegated;
  };
}
