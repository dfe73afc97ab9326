/** Follower path -> leader path. */
import { type AbsolutePath, formatAbsolute, parseAbsolute, segmentsBelow } from './absolute-path.ts';
import { followerPrefix, type PathRules, parseLeader } from './rules.ts';

/**
 * The leader path that a follower's path stands for: longest follower prefix first, in any spelling of the follower's
 * OS, prefixes compared as its usual filesystem does (case-insensitive on Windows; case- and
 * normalisation-insensitive on macOS). Names below the prefix stay as given. Undefined when no rule covers it.
 */
export function mapToLeader(rules: PathRules, followerPath: string): string | undefined {
  const path = parseAbsolute(rules.os, followerPath);
  if (path === undefined) return undefined;
  let best: { leader: AbsolutePath; rest: readonly string[] } | undefined;
  for (const pair of rules.pairs) {
    const rest = segmentsBelow(rules.os, followerPrefix(rules.os, pair.follower), path);
    if (rest !== undefined && (best === undefined || rest.length < best.rest.length)) {
      best = { leader: parseLeader(pair.leader), rest };
    }
  }
  if (best === undefined) return undefined;
  return formatAbsolute('linux', { root: '/', segments: [...best.leader.segments, ...best.rest] });
}
