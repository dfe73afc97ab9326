/** Ending the resident leader, also one of another version or one that does not answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { lockHolder } from '../../tunnel/lock.ts';
import { hasNone, openLink } from './link.ts';
import { isEvent, type RunInProgress } from './messages.ts';
import { leaderLock } from './place.ts';

/** Milliseconds that one which said that it ends may take for it. */
const END = 10_000;

/** Resolves when the process is gone: its number and the runs it led; undefined when there was none. */
export async function endLeader(
  stateDir: string,
): Promise<{ pid: number; runs: RunInProgress[] } | undefined> {
  const holder = () => lockHolder(leaderLock(stateDir));
  const pid = holder();
  let runs: RunInProgress[] = [];
  try {
    const link = await openLink(stateDir, { anyVersion: true });
    link.send({ type: 'down' });
    for (let said = await link.next(); said !== undefined; said = await link.next()) {
      if (!isEvent(said) && said.leader === 'down') runs = said.runs;
    }
    link.close();
  } catch (error) {
    if (pid === undefined && hasNone(error)) return undefined;
  }
  if (pid === undefined) return undefined;
  for (const start = performance.now(); holder() === pid; await sleep(10)) {
    // It has no ear for anything else; its runs are its followers'.
    if (performance.now() - start > END) kill(pid);
  }
  return { pid, runs };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
