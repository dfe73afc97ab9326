/** Leader directory -> follower directory. */
import { AwError, show } from '../../contract/errors.ts';
import type { Os } from '../../contract/names.ts';
import { formatAbsolute, segmentsBelow } from './absolute-path.ts';
import { followerPrefix, type PathRules, parseLeader } from './rules.ts';
import { windowsNameProblem } from './windows-names.ts';

/**
 * The longest path a process can have as its directory. Windows: MAX_PATH without the closing backslash and NUL that
 * SetCurrentDirectory adds; long-path awareness does not lift it. POSIX: PATH_MAX without its NUL.
 */
const CWD_LIMIT: Record<Os, { limit: number; unit: string; measure(path: string): number }> = {
  windows: { limit: 258, unit: 'characters', measure: path => path.length },
  linux: { limit: 4095, unit: 'bytes', measure: path => Buffer.byteLength(path) },
  macos: { limit: 1023, unit: 'bytes', measure: path => Buffer.byteLength(path) },
};

/**
 * The directory on the follower that stands for `leaderPath` (absolute, on the leader), in the spelling of the
 * follower's OS: always absolute, `..` resolved, every name as it was given.
 *
 * @throws AW_CWD_UNMAPPABLE when no rule covers it, AW_CWD_UNREPRESENTABLE naming the first name that the follower's OS
 * cannot have, AW_CWD_TOO_LONG when no process there could have it as its directory.
 */
export function mapToFollower(rules: PathRules, leaderPath: string): string {
  const path = parseLeader(leaderPath);
  for (const pair of rules.pairs) {
    const rest = segmentsBelow('linux', parseLeader(pair.leader), path);
    if (rest === undefined) continue;
    refuseUnrepresentable(rules.os, leaderPath, rest);
    const prefix = followerPrefix(rules.os, pair.follower);
    const mapped = formatAbsolute(rules.os, { ...prefix, segments: [...prefix.segments, ...rest] });
    refuseTooLong(rules.os, mapped);
    return mapped;
  }
  throw new AwError('AW_CWD_UNMAPPABLE', { cwd: show(leaderPath, 4096), project: show(rules.project, 4096) });
}

function refuseUnrepresentable(os: Os, cwd: string, names: readonly string[]): void {
  for (const name of names) {
    const problem = os === 'windows' ? windowsNameProblem(name) : name.includes('\0') ? 'NUL' : undefined;
    if (problem !== undefined) {
      throw new AwError('AW_CWD_UNREPRESENTABLE', { cwd: show(cwd, 4096), os, component: show(name) });
    }
  }
}

function refuseTooLong(os: Os, cwd: string): void {
  const { limit, unit, measure } = CWD_LIMIT[os];
  const length = measure(cwd);
  if (length > limit) throw new AwError('AW_CWD_TOO_LONG', { cwd: show(cwd), length, unit, os, limit });
}
