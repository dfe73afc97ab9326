/** Whether the user has settled something about a host that only the system's ssh understands. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasAuthority, knownHostsFiles, readKnownHosts } from './known-hosts.ts';
import { matchesPatterns } from './patterns.ts';
import type { SshTarget } from './types.ts';

/** A setting in ~/.ssh/config, or a certificate authority in known_hosts. */
export async function needsOpenssh(
  { address, port, hostKey }: Pick<SshTarget, 'address' | 'port' | 'hostKey'>,
  home: string,
): Promise<boolean> {
  return (
    (await configures(address!, home)) || (hostKey === undefined && isCertified(address!, port ?? 22, home))
  );
}

/** False when there is no such file. A file that cannot be read counts as having something to say: ssh will complain. */
async function configures(address: string, home: string): Promise<boolean> {
  try {
    return mentions(await readFile(join(home, '.ssh', 'config'), 'utf8'), address);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** False also for files that cannot be read: both ways refuse the host then. */
function isCertified(address: string, port: number, home: string): boolean {
  try {
    return hasAuthority(readKnownHosts(knownHostsFiles(home)), address, port);
  } catch {
    return false;
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
