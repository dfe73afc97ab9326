/** `aw-follower dial-stdio`. */
import { pipeline } from 'node:stream/promises';
import type { FollowerOptions } from '../main.ts';
import { connectResident, connectRunning } from './resident.ts';
import { stateDirectory } from './state-directory.ts';

/** Carries bytes both ways until either side ends. */
export async function dialStdio(options: FollowerOptions): Promise<number> {
  const stateDir = stateDirectory(options['state-dir']);
  const socket = await (options['no-start'] === true ? connectRunning : connectResident)(stateDir);
  const ways = [pipeline(process.stdin, socket), pipeline(socket, process.stdout)];
  // A peer that goes away without a farewell is how such a bridge usually ends.
  await Promise.race(ways).catch(() => {});
  socket.destroy();
  process.stdin.destroy();
  await Promise.allSettled(ways);
  return 0;
}
