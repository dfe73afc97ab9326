/** Where the resident leader of a state directory is, and how it is started. */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refuseShared, socketPathFor } from '../../tunnel/endpoint.ts';
import type { StartSpec } from '../../tunnel/resident.ts';

const launcher = fileURLToPath(new URL('../../bin/aw-leader.js', import.meta.url));
/** Seconds without work after which a leader that was started by need ends again. */
const IDLE_EXIT = 900;
/**
 * For its Node. MiB of V8's young generation: events are short-lived garbage. And MiB of old objects and buffers below which V8
 * does not look through everything: output comes in buffers, and the default takes them for growth; some ten looks in 200 MB,
 * which cost the leader a tenth to a fifth of its processor time.
 */
export const LEADER_FLAGS: readonly string[] = ['--max-semi-space-size=8', '--initial-old-space-size=96'];

/** Its lock, log and socket; for this user only. */
export const leaderDirectory = (stateDir: string) => join(stateDir, 'leader');
export const leaderLog = (stateDir: string) => join(leaderDirectory(stateDir), 'leader.log');
/** Held as long as it lives. */
export const leaderLock = (stateDir: string) => join(leaderDirectory(stateDir), 'leader.lock');

/**
 * The path of its socket. Whoever connects there hands over an environment with its secrets.
 * @throws AW_DISK when somebody else could be listening there.
 */
export function leaderSocket(stateDir: string): string {
  const path = socketPathFor(leaderDirectory(stateDir));
  if (process.platform === 'win32') return path;
  const directory = dirname(path);
  if (statSync(directory, { throwIfNoEntry: false }) !== undefined) refuseShared(directory);
  return path;
}

/**
 * @param env all of its environment
 * @param idle seconds, as somebody wrote them; anything else counts as the default
 */
export function leaderStart(
  stateDir: string,
  socketPath: string,
  env: Record<string, string>,
  idle = '',
): StartSpec {
  const seconds = /^\d{1,6}$/.test(idle) ? idle : String(IDLE_EXIT);
  const args = ['--state-dir', stateDir, '--socket', socketPath, '--idle-exit', seconds];
  return {
    file: process.execPath,
    args: [...LEADER_FLAGS, launcher, ...args],
    env,
    cwd: leaderDirectory(stateDir),
    logFile: leaderLog(stateDir),
  };
}
