/** Whether the path of a socket will always mean this user's agent. */
import { lstatSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Endpoint } from '../../tunnel/endpoint.ts';

const WRITABLE_BY_OTHERS = 0o022;
const ROOT = 0;

/**
 * The path, absolute, of a socket file in whose place nobody but this user and root can put another, not even after the
 * agent has ended and its directory is gone, as `/tmp` is emptied when the machine starts. A leader that remembers such a
 * path may go to it without looking who is there. Undefined for every other endpoint.
 */
export function lastingSocket(endpoint: Endpoint): string | undefined {
  if (endpoint.kind !== 'socket' || process.platform === 'win32') return undefined;
  const path = resolve(endpoint.path);
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (!isOursAlone(directory)) return undefined;
    if (directory === dirname(directory)) return path;
  }
}

/** A symbolic link is refused: what it leads to would have to be looked at as well. */
function isOursAlone(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (found === undefined || !found.isDirectory()) return false;
  return (found.uid === ROOT || found.uid === process.getuid?.()) && (found.mode & WRITABLE_BY_OTHERS) === 0;
}
