/** Whether the user's ~/.ssh/config has anything to say about a host. What it says is left to the system's ssh. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { matchesPatterns } from './patterns.ts';

/** False when there is no such file. A file that cannot be read counts as having something to say: ssh will complain. */
export async function configures(address: string, home: string): Promise<boolean> {
  try {
    return mentions(await readFile(join(home, '.ssh', 'config'), 'utf8'), address);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/**
 * True when a setting stands outside of any block, in a `Host` block that matches, or in a `Match` block, whose
 * conditions only ssh can tell. An `Include` counts as a setting.
 */
export function mentions(config: string, address: string): boolean {
  let applies = true;
  for (const line of config.split('\n')) {
    const [, keyword, rest = ''] = /^\s*([A-Za-z]\w*)(?:\s*=\s*|\s+|$)(.*?)\s*$/.exec(line) ?? [];
    if (keyword === undefined) continue;
    const name = keyword.toLowerCase();
    if (name === 'host') applies = matchesPatterns(rest.replaceAll('"', '').split(/\s+/), address);
    else if (name === 'match') applies = true;
    else if (applies) return true;
  }
  return false;
}
