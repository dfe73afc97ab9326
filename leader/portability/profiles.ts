/** What the file systems of followers can hold: asked of them, or taken for granted of their OS. */
import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { type AwError, asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Os } from '../../contract/names.ts';
import type { Capabilities } from '../../contract/trees.ts';
import { followerFence } from '../fence/follower-fence.ts';
import type { Connect } from '../follower-client.ts';
import type { TransportContext } from '../transports/index.ts';

/** As a host of that OS comes. */
const USUAL: Record<Os, Capabilities> = {
  linux: {
    caseSensitive: true,
    normalizationSensitive: true,
    executable: true,
    symlinks: true,
    windowsNames: false,
    nameUnit: 'byte',
  },
  macos: {
    caseSensitive: false,
    normalizationSensitive: false,
    executable: true,
    symlinks: true,
    windowsNames: false,
    nameUnit: 'utf16',
  },
  // Links need a privilege there.
  windows: {
    caseSensitive: false,
    normalizationSensitive: true,
    executable: false,
    symlinks: false,
    windowsNames: true,
    nameUnit: 'utf16',
  },
};

export interface Profile {
  host: string;
  os: Os;
  workspace: string;
  capabilities: Capabilities;
  /** Of the names that may be one there, those that are. Absent: nobody was asked, and all are. */
  same?: [string, string][];
  /** Why nobody was asked. */
  error?: AwError;
}

export function assumed({ name, os, workspace }: HostEntry): Profile {
  return { host: name, os, workspace, capabilities: USUAL[os] };
}

export interface Asking {
  /** What connections are made with, besides the limit. */
  context: Omit<TransportContext, 'signal'>;
  connect: Connect;
  /** For all of it, at each host. */
  timeoutMs: number;
  /** The project's root. */
  project: string;
}

/**
 * Holds the follower's workspace for as long as it takes to try a few names in it; nothing is left there. A host that cannot
 * be asked is assumed to be as usual. Never rejects.
 * @param doubtful groups of names that may be one
 */
export async function ask(
  host: HostEntry,
  doubtful: Promise<string[][]>,
  { context, connect, timeoutMs, project }: Asking,
): Promise<Profile> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const client = await connect(host, { ...context, signal });
    const fence = followerFence(client.requester, randomUUID(), signal);
    try {
      const leader = `${userInfo().username}@${hostname()}:${project}`;
      const { capabilities } = await fence.hold({ root: host.workspace, leader });
      const { caseSensitive, normalizationSensitive } = capabilities;
      const groups = caseSensitive && normalizationSensitive ? [] : await doubtful;
      const same = groups.length === 0 ? [] : await fence.sameNames(groups);
      return { ...assumed(host), capabilities, same };
    } finally {
      fence.release();
      client.close();
    }
  } catch (thrown) {
    return { ...assumed(host), error: asAwError(thrown, host.name) };
  }
}
