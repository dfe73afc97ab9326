/** Where Mutagen keeps what it knows of one follower: a directory of its own for each, so that none can harm another. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { HostEntry } from '../../contract/hosts.ts';
import { privateSocketPath } from '../../tunnel/endpoint.ts';
import { makePrivateDirectory } from '../state.ts';

/** Of the daemon, within its directory. */
const SOCKET = 'daemon/daemon.sock';
/** As long as a socket's path can be everywhere. Bytes. */
const LONGEST = 100;
/** Directories that are not in use. */
const KEPT = 256;

export function socketIn(directory: string): string {
  return join(directory, SOCKET);
}

/**
 * The same for the same project and follower; where the path is too long for the daemon's socket, in the private directory
 * of this user.
 * @throws AW_DISK
 */
export function mutagenDirectory(stateDir: string, project: string, host: HostEntry): string {
  const { name, workspace, address, port, sshUser } = host;
  const what = JSON.stringify([project, name, workspace, address, port, sshUser]);
  const key = createHash('sha256').update(what).digest('hex').slice(0, 16);
  const inside = join(stateDir, 'mutagen', key);
  const fits = Buffer.byteLength(socketIn(inside)) <= LONGEST;
  const directory = makePrivateDirectory(
    fits ? inside : privateSocketPath(`mutagen-${key}`, SOCKET.length + 1),
  );
  const now = Date.now() / 1000;
  utimesSync(directory, now, now);
  forgetOldest(dirname(directory), basename(directory).slice(0, -key.length));
  return directory;
}

/** Of followers that nobody has fenced for long. What is lost is only time: the next session begins anew. */
function forgetOldest(parent: string, prefix: string): void {
  const unused = readdirSync(parent)
    .filter(name => name.startsWith(prefix) && /^[0-9a-f]{16}$/.test(name.slice(prefix.length)))
    .map(name => join(parent, name))
    .filter(directory => !existsSync(socketIn(directory)))
    .map(directory => ({ directory, used: statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((one, other) => other.used - one.used);
  for (const { directory } of unused.slice(KEPT)) rmSync(directory, { recursive: true, force: true });
}
