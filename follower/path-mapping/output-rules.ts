/** Path rules turned round, for rewriting output. */
import type { OutputRule } from '../../contract/follower-api.ts';
import type { Os } from '../../contract/names.ts';
import { formatAbsolute } from './absolute-path.ts';
import { followerPrefix, type PathRules } from './rules.ts';

/** What programs print for directories that macOS reaches through a link. */
const MACOS_PHYSICAL = /^\/(?:tmp|var|etc)(?=\/)/;

/**
 * Follower prefix -> leader prefix, longest first. Empty when follower and leader spell everything alike. The root of a POSIX
 * filesystem is no rule: nearly every `/` in a text would be a match.
 */
export function outputRules(rules: PathRules): OutputRule[] {
  const found = new Map<string, { to: string; depth: number }>();
  for (const pair of rules.pairs) {
    const prefix = followerPrefix(rules.os, pair.follower);
    if (prefix.root === '/' && prefix.segments.length === 0) continue;
    for (const from of spellings(rules.os, formatAbsolute(rules.os, prefix))) {
      if (!found.has(from)) found.set(from, { to: pair.leader, depth: prefix.segments.length });
    }
  }
  const result = [...found].sort(([, a], [, b]) => b.depth - a.depth).map(([from, { to }]) => ({ from, to }));
  return result.every(rule => rule.from === rule.to) ? [] : result;
}

function spellings(os: Os, path: string): Set<string> {
  if (os !== 'macos') return new Set([path]);
  const physical = MACOS_PHYSICAL.test(path) ? [`/private${path}`] : [];
  return new Set([path, ...physical].flatMap(text => [text, text.normalize('NFC'), text.normalize('NFD')]));
}
