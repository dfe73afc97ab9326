/** A short-lived process of the agent's own, which asks the machine something and must not outstay its welcome. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMark } from '../../tunnel/identity.ts';
import { findTree, signalTree, type TreeRoot } from '../runs/tree.ts';

/** Milliseconds between TERM and KILL. */
const GRACE = 500;
const LOOK = 20;

export interface Probe {
  child: ChildProcess;
  /** How it ended: its exit code, the signal it died of, or an error that kept it from starting. Resolves once it is gone. */
  ended: Promise<{ code: number } | { signal: string } | 'timeout' | { error: string }>;
}

/**
 * Starts it in a session of its own and, after `timeoutMs`, ends it with everything it started, whatever groups those are in:
 * with TERM first, so that a start-up file can take its lock away, which the next login would wait for; then with KILL.
 * What a probe leaves running after ending by itself is left alone, as after any login.
 */
export function startProbe(
  file: string,
  args: readonly string[],
  options: SpawnOptions & { env: Readonly<Record<string, string>> },
  timeoutMs: number,
): Probe {
  const runId = `probe-${randomUUID()}`;
  const child = spawn(file, args, {
    ...options,
    env: { ...options.env, AW_RUN_ID: runId },
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const mark = child.pid === undefined ? undefined : startMark(child.pid);
  const root: TreeRoot = {
    marks: [`AW_RUN_ID=${runId}`],
    ...(child.pid === undefined ? {} : { pid: child.pid }),
    ...(mark === undefined ? {} : { mark }),
  };
  const ended: Probe['ended'] = new Promise(resolve => {
    let ending: Promise<void> | undefined;
    const timer = setTimeout(() => {
      ending = endTree(root).catch(() => void child.kill('SIGKILL'));
    }, timeoutMs);
    child.once('error', error => {
      clearTimeout(timer);
      resolve({ error: error.message });
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (ending !== undefined) void ending.then(() => resolve('timeout'));
      else resolve(code === null ? { signal: signal ?? 'unknown' } : { code });
    });
  });
  return { child, ended };
}

async function endTree(root: TreeRoot): Promise<void> {
  const limit = performance.now() + GRACE;
  for (let left = await signalTree(root, 'SIGTERM'); left.length > 0; left = await findTree(root)) {
    if (performance.now() > limit) break;
    await sleep(LOOK);
  }
  await signalTree(root, 'SIGKILL');
}
