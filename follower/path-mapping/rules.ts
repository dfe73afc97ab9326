/** The path rules of one host, made from its catalogue entry. */
import { AwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Os } from '../../contract/names.ts';
import { type AbsolutePath, formatAbsolute, parseAbsolute } from './absolute-path.ts';

export interface PathRules {
  os: Os;
  /** The project's root on the leader. */
  project: string;
  /** Leader prefix to follower prefix, in the order they are tried by the leader: longest leader prefix first. */
  pairs: { leader: string; follower: string }[];
}

/**
 * The host's `paths` and the workspace as one ordered list. A relative leader prefix is below the project. Of two rules
 * for the same directory, one of `paths` wins over the workspace.
 *
 * @throws AW_CATALOG_INVALID when a follower prefix is not an absolute path of the host's OS.
 */
export function rulesFor(host: HostEntry, project: string): PathRules {
  const root = leaderPath(project);
  const pairs = [...(host.paths ?? []), { leader: root, follower: host.workspace }].map(pair => ({
    leader: leaderPath(pair.leader.startsWith('/') ? pair.leader : `${root}/${pair.leader}`),
    follower: formatAbsolute(host.os, followerPrefix(host.os, pair.follower, `entry of ${host.name}`)),
  }));
  pairs.sort((a, b) => depth(b.leader) - depth(a.leader));
  return { os: host.os, project: root, pairs };
}

/** @throws AW_CATALOG_INVALID unless `text` is an absolute path of the OS. */
export function followerPrefix(os: Os, text: string, where = 'path rules'): AbsolutePath {
  const parsed = parseAbsolute(os, text);
  if (parsed !== undefined) return parsed;
  throw new AwError('AW_CATALOG_INVALID', {
    path: where,
    problem: `${JSON.stringify(text)} is not an absolute ${os} path`,
  });
}

/** A leader path taken apart; what is not absolute counts from `/`. */
export function parseLeader(text: string): AbsolutePath {
  return parseAbsolute('linux', text.startsWith('/') ? text : `/${text}`)!;
}

/** Normalised: no `.`, `..`, doubled or trailing separators. */
function leaderPath(text: string): string {
  return formatAbsolute('linux', parseLeader(text));
}

function depth(path: string): number {
  return parseLeader(path).segments.length;
}
