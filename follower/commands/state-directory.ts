/** Where a follower keeps its state. */
import { join, resolve } from 'node:path';
import envPaths from 'env-paths';

/** The directory given, else `follower` under the state root: `AW_STATE_DIR`, else this user's data directory. Absolute. */
export function stateDirectory(given: string | undefined): string {
  if (given !== undefined) return resolve(given);
  const root = process.env.AW_STATE_DIR || envPaths('agents-workflow', { suffix: '' }).data;
  return resolve(join(root, 'follower'));
}
