/**
 * What does not belong to a tree. The patterns are those of Mutagen's default syntax, so that `.agents/mutagen.yml` means
 * the same to both engines: in order, the last that matches decides; `!` takes back; a leading or inner `/` anchors at the
 * root, otherwise the name alone is matched; a trailing `/` is for directories only. Always case-sensitive.
 */
import { createHash } from 'node:crypto';
import picomatch from 'picomatch';
import { AwError, show } from '../../contract/errors.ts';
import { isVcsDirectory } from './protected-names.ts';

/** What tools of this machine make for this machine, and would only be wrong on another. */
export const DEFAULT_IGNORES: readonly string[] = [
  'node_modules/',
  '.venv/',
  'venv/',
  '__pycache__/',
  '.tox/',
  'target/',
  'build/',
  '.gradle/',
  '.DS_Store',
  '._*',
  'Thumbs.db',
  'desktop.ini',
];

export interface IgnoreRules {
  readonly patterns: readonly string[];
  /** Equal for rules that are the same. */
  readonly digest: string;
  /** `path` from the root, with `/`. What is below a directory that is ignored is not asked for. */
  ignores(path: string, isDirectory: boolean): boolean;
}

interface Pattern {
  /** Its place in the list: the last one decides. */
  index: number;
  isNegated: boolean;
  forDirectories: boolean;
}

interface Glob extends Pattern {
  matches(path: string, name: string): boolean;
}

/** @throws AW_IGNORE_PATTERN */
export function compileIgnores(patterns: readonly string[]): IgnoreRules {
  /** By far the most patterns are plain names: one look-up for all of them. */
  const names = new Map<string, Pattern[]>();
  const globs: Glob[] = [];
  for (const [index, text] of patterns.entries()) {
    const isNegated = text.startsWith('!');
    const body = isNegated ? text.slice(1) : text;
    const forDirectories = body.endsWith('/');
    const glob = body.replace(/^\//, '').replace(/\/$/, '');
    if (glob === '' || glob.includes('\0')) throw new AwError('AW_IGNORE_PATTERN', { pattern: show(text) });
    const pattern = { index, isNegated, forDirectories };
    const isAnchored = body.startsWith('/') || glob.includes('/');
    if (!isAnchored && /^[\w. -]+$/.test(glob)) names.set(glob, [...(names.get(glob) ?? []), pattern]);
    else globs.push({ ...pattern, matches: matcher(glob, isAnchored) });
  }
  globs.reverse();

  return {
    patterns,
    digest: createHash('sha256').update(JSON.stringify(patterns)).digest('hex'),
    ignores: (path, isDirectory) => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (isVcsDirectory(name)) return true;
      const applies = (pattern: Pattern) => isDirectory || !pattern.forDirectories;
      const plain = names.get(name)?.findLast(applies);
      const glob = globs.find(
        each => each.index > (plain?.index ?? -1) && applies(each) && each.matches(path, name),
      );
      const last = glob ?? plain;
      return last !== undefined && !last.isNegated;
    },
  };
}

function matcher(glob: string, isAnchored: boolean): Glob['matches'] {
  const matches = picomatch(glob, {
    dot: true,
    nocase: false,
    strictSlashes: true,
    // Mutagen knows neither: these are names.
    nonegate: true,
    noextglob: true,
  });
  return isAnchored ? path => matches(path) : (_path, name) => matches(name);
}
